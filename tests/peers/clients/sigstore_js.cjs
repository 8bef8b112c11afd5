// sigstore-js (npm `sigstore`, `@sigstore/sign`, `@sigstore/verify`) from the command line, which it hasn't got itself.
//
//   node sigstore_js.cjs FOLDER/node_modules verify|sign < REQUEST.json
//
// verify: {bundle, trustedRoot?, key?, identity?, issuer?, log, sct, time} prints {payloadType, payload} in base64.
// sign: {payload, payloadType} with {signingConfig, token}, or with {key, certificate?, log?, stamps?}, prints a bundle;
// without a payloadType, keyless, it is the bare signature of the payload.
// A refusal is one line on stderr, and status 1.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const { createRequire } = require("node:module");

const [, , modules, verb] = process.argv;
const load = createRequire(`${modules}/`);
const { bundleFromJSON, bundleToJSON } = load("@sigstore/bundle");
const { SigningConfig, TrustedRoot } = load("@sigstore/protobuf-specs");

const NO_ROOT = { mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1" };

function verify(request) {
  const { toSignedEntity, toTrustMaterial, Verifier } = load("@sigstore/verify");
  const keys = () => ({ publicKey: crypto.createPublicKey(request.key), validFor: () => true });
  const root = TrustedRoot.fromJSON({ tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [],
    ...NO_ROOT, ...request.trustedRoot });
  const bundle = bundleFromJSON(request.bundle);
  const thresholds = { tlogThreshold: +request.log, ctlogThreshold: +request.sct, timestampThreshold: +request.time };
  const policy = request.key ? undefined : {
    subjectAlternativeName: request.identity,
    extensions: request.issuer ? { issuer: request.issuer } : undefined,
  };
  new Verifier(toTrustMaterial(root, request.key ? keys : undefined), thresholds).verify(toSignedEntity(bundle), policy);
  const envelope = bundle.content.dsseEnvelope;
  return { payloadType: envelope.payloadType, payload: envelope.payload.toString("base64") };
}

function keySigner(request) {
  const key = crypto.createPrivateKey(request.key);
  const publicKey = crypto.createPublicKey(key).export({ format: "pem", type: "spki" });
  return {
    sign: async (data) => ({
      signature: crypto.sign("sha256", data, key),
      key: request.certificate
        ? { $case: "x509Certificate", certificate: request.certificate }
        : { $case: "publicKey", publicKey, hint: "a key" },
    }),
  };
}

async function sign(request) {
  const { bundleBuilderFromSigningConfig, DSSEBundleBuilder, RekorWitness, TSAWitness } = load("@sigstore/sign");
  const artifact = { data: Buffer.from(request.payload, "base64"), type: request.payloadType };
  if (request.signingConfig) {
    const builder = bundleBuilderFromSigningConfig({
      signingConfig: SigningConfig.fromJSON(request.signingConfig),
      identityProvider: { getToken: async () => request.token },
      bundleType: request.payloadType ? "dsseEnvelope" : "messageSignature",
    });
    return bundleToJSON(await builder.create(artifact));
  }
  const witnesses = [];
  if (request.log) witnesses.push(new RekorWitness({ rekorBaseURL: request.log, majorApiVersion: 2 }));
  if (request.stamps) witnesses.push(new TSAWitness({ tsaBaseURL: request.stamps }));
  return bundleToJSON(await new DSSEBundleBuilder({ signer: keySigner(request), witnesses }).create(artifact));
}

async function main() {
  const request = JSON.parse(fs.readFileSync(0, "utf-8"));
  process.stdout.write(JSON.stringify(await (verb === "sign" ? sign(request) : verify(request))));
}

main().catch((error) => {
  process.stderr.write(`${error.code ?? error.name}: ${error.message}${error.cause ? `: ${error.cause.message}` : ""}\n`);
  process.exitCode = 1;
});
