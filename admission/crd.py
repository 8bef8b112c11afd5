"""The CustomResourceDefinition of `ProvenancePolicy`: the keys of docs/formats/policy.md as a structural schema."""

from __future__ import annotations

from typing import Final

__all__ = ["CRD"]

CRD: Final = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: provenancepolicies.dbom.dev
spec:
  group: dbom.dev
  scope: Namespaced
  names:
    kind: ProvenancePolicy
    listKind: ProvenancePolicyList
    plural: provenancepolicies
    singular: provenancepolicy
  versions:
    - name: v1alpha1
      served: true
      storage: true
      additionalPrinterColumns:
        - {name: Mode, type: string, jsonPath: .spec.mode}
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [authorities, attestations, locations]
              properties:
                mode: {type: string, enum: [enforce, warn, audit], default: enforce}
                match:
                  type: object
                  properties:
                    namespaces: {type: array, minItems: 1, items: {type: string, minLength: 1}}
                trustRoots:
                  type: array
                  items:
                    type: object
                    required: [name]
                    properties:
                      name: {type: string, minLength: 1}
                      path: {type: string}
                      data: {x-kubernetes-preserve-unknown-fields: true}
                authorities:
                  type: array
                  minItems: 1
                  items:
                    type: object
                    required: [name]
                    properties:
                      name: {type: string, minLength: 1}
                      keyless:
                        type: object
                        required: [identities, trustRootRef]
                        properties:
                          trustRootRef: {type: string, minLength: 1}
                          identities:
                            type: array
                            minItems: 1
                            items:
                              type: object
                              properties:
                                issuer: {type: string}
                                issuerRegExp: {type: string}
                                subject: {type: string}
                                subjectRegExp: {type: string}
                      key:
                        type: object
                        properties:
                          data: {type: string}
                          path: {type: string}
                      demands:
                        type: object
                        required: [log, sct, time]
                        properties:
                          log: {type: boolean}
                          sct: {type: boolean}
                          time: {type: boolean}
                attestations: &attestations
                  type: array
                  minItems: 1
                  items:
                    type: object
                    required: [predicateType, authorities]
                    properties:
                      predicateType: {type: string, minLength: 1}
                      authorities: {type: array, minItems: 1, items: {type: string}}
                locations:
                  type: array
                  minItems: 1
                  items:
                    type: object
                    required: [pattern, authorities]
                    properties:
                      pattern: {type: string, minLength: 1}
                      authorities: {type: array, minItems: 1, items: {type: string}}
                      pinning: {type: string, enum: [enforced, claimed], default: enforced}
                licenses:
                  type: object
                  properties:
                    allow: {type: array, items: {type: string}}
                    deny: {type: array, items: {type: string}}
                    unknown: {type: string, enum: [deny, allow], default: deny}
                    scope: {type: string, enum: [artifact, ancestors], default: ancestors}
                ancestors:
                  type: object
                  required: [signed]
                  properties:
                    signed: {type: boolean}
                    authorities: {type: array, minItems: 1, items: {type: string}}
                    builders: {type: array, minItems: 1, items: {type: string}}
                    attestations: *attestations
                    noInputs: {type: string, enum: [deny, allow], default: deny}
"""
