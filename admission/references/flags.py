"""The flags by which inference servers are told what to load, as vLLM words and reads them.

Followed is vLLM 0.32 (`vllm/engine/arg_utils.py`, `vllm/entrypoints/launchers/cli_args.py` and the
`FlexibleArgumentParser` of `vllm/utils/argparse_utils.py`), with the flags that older versions had besides: it reads
`_` as `-`, takes any beginning that only one flag has, merges dotted flags (`--speculative-config.model m`) into JSON,
and the last of two wins. Which flag takes a value is listed, since a word behind any other may be the model
(`--enforce-eager m`). Flags of other servers that mean the same (`--model-path`, `--model-id`, …) are read alike;
whichever program it is, a word that names a model is a reference. Where versions differ, more is taken for a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.references.options import is_option
from admission.references.reference import Role
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.words import Word

__all__ = [
    "CODE_FLAGS",
    "CONFIG",
    "DOWNLOADS",
    "JSON_FLAGS",
    "LIST_FLAGS",
    "LOADER",
    "NAMING_FLAGS",
    "ROLES",
    "WEIGHTS",
    "Given",
    "positionals",
    "read_flags",
]

ROLES: Final = {
    "model": Role.MODEL,
    "model-id": Role.MODEL,
    "model-path": Role.MODEL,
    "model-dir": Role.MODEL,
    "hf-config-path": Role.MODEL,
    "tokenizer": Role.TOKENIZER,
    "tokenizer-path": Role.TOKENIZER,
    "speculative-model": Role.DRAFT_MODEL,
    "spec-model": Role.DRAFT_MODEL,
    "speculative-draft-model-path": Role.DRAFT_MODEL,
    "speculative-config": Role.DRAFT_MODEL,
    "lora-modules": Role.ADAPTER,
    "lora-paths": Role.ADAPTER,
    "prompt-adapters": Role.ADAPTER,
    "default-mm-loras": Role.ADAPTER,
    "qlora-adapter-name-or-path": Role.ADAPTER,
}
"""Flags that name something to load, and what it is."""

JSON_FLAGS: Final = ("speculative-config", "default-mm-loras")
LIST_FLAGS: Final = ("lora-modules", "lora-paths", "prompt-adapters")
CONFIG: Final = "config"
DOWNLOADS: Final = "download-dir"
LOADER: Final = "model-loader-extra-config"
WEIGHTS: Final = "weight-transfer-config"
CODE_FLAGS: Final = ("trust-remote-code", "no-trust-remote-code")
"""The switch that lets a repository's own code run, and the one that takes it back; the last of them wins."""
REVISIONS: Final = ("revision", "model-revision", "tokenizer-revision")
NAMING_FLAGS: Final = tuple(ROLES)

_ALL: Final = (*ROLES, *REVISIONS, CONFIG, DOWNLOADS, LOADER, WEIGHTS, *CODE_FLAGS)
_SHORT: Final = {"sc": "speculative-config"}
_SHORTEST_BEGINNING: Final = 2
_VALUED: Final = frozenset(
    """
    additional-config all2all-backend allowed-headers allowed-local-media-path allowed-methods allowed-origins
    anthropic-disabled-thinking-effort api-server-count attention-backend attention-config aux-output-config
    block-size chat-template chat-template-content-format code-revision cohere-format compilation-config
    config-format convert cp-kv-cache-interleave-size cpu-distributed-timeout-seconds cpu-offload-gb
    custom-histogram-buckets data-parallel-address data-parallel-backend data-parallel-rank data-parallel-rpc-port
    data-parallel-size data-parallel-size-local data-parallel-start-rank data-parallel-supervisor-port
    dbo-decode-token-threshold dbo-prefill-token-threshold dcp-comm-backend dcp-kv-cache-interleave-size
    decode-context-parallel-size default-chat-template-kwargs device device-ids device-memory-utilization
    diffusion-config disable-access-log-for-endpoints distributed-executor-backend distributed-timeout-seconds
    dp-supervisor-probe-failure-threshold dp-supervisor-probe-interval-s dp-supervisor-probe-timeout-s
    dp-sync-interval dtype ec-manager-config ec-transfer-config elastic-ep-max-dp-size engram-config eplb-config
    expert-placement-strategy fault-tolerance-config fingerprint-mode fingerprint-value gdn-prefill-backend
    generation-config gpu-memory-utilization grpc-port guided-decoding-backend h11-max-header-count
    h11-max-incomplete-event-size hf-overrides hf-token host input-file io-processor-plugin ir-op-priority
    jit-monitor-mode kda-decode-backend kda-prefill-backend kernel-config kv-cache-dtype kv-cache-memory-bytes
    kv-cache-metrics-sample kv-events-config kv-offloading-backend kv-offloading-size kv-transfer-config
    limit-mm-per-prompt linear-backend load-format log-config-file log-level logging-config logits-processor-pattern
    logprobs-mode long-lora-scaling-factors long-prefill-token-threshold lora-dtype lora-extra-vocab-size
    mamba-backend mamba-block-size mamba-cache-dtype mamba-cache-mode mamba-cache-philox-rounds
    mamba-ssm-cache-dtype mamba-ssu-algorithm master-addr master-port max-cpu-loras max-cudagraph-capture-size
    max-log-len max-logprobs max-long-partial-prefills max-lora-cls-labels max-lora-rank max-loras max-model-len
    max-num-active-seqs max-num-batched-tokens max-num-partial-prefills max-num-queued-reqs max-num-queued-tokens
    max-num-scheduled-tokens max-num-seqs max-parallel-loading-workers max-prompt-adapter-token max-prompt-adapters
    max-seq-len-to-capture media-io-kwargs middleware mm-encoder-attn-backend mm-encoder-attn-dtype
    mm-encoder-fp8-scale-path mm-encoder-fp8-scale-save-margin mm-encoder-fp8-scale-save-path mm-encoder-tp-mode
    mm-hasher-algorithm mm-ipc-gpu-memory-gb mm-processor-cache-gb mm-processor-cache-type mm-processor-device
    mm-processor-kwargs mm-shm-cache-max-object-size-mb mm-tensor-ipc model-class-overrides model-impl moe-backend
    ngram-prompt-lookup-max ngram-prompt-lookup-min nnodes node-rank num-gpu-blocks-override num-lookahead-slots
    num-scheduler-steps num-speculative-tokens offload-backend offload-group-size offload-num-in-group
    offload-prefetch-step optimization-level otlp-traces-endpoint output-file output-tmp-dir
    override-attention-dtype override-generation-config override-neuron-config override-pooler-config
    per-request-spec-decode-metrics performance-mode pipeline-parallel-size pooler-config port preemption-mode
    prefill-context-parallel-size prefill-schedule-interval prefix-cache-retention-interval prefix-caching-hash-algo
    prefix-match-unit profiler-config pt-load-map-location quantization quantization-config reasoning-config
    reasoning-parser reasoning-parser-plugin renderer-num-workers replayssm-buffer-len response-role root-path
    rope-scaling rope-theta runner safetensors-load-strategy safetensors-prefetch-block-size
    safetensors-prefetch-num-threads scheduler-cls scheduler-delay-factor scheduling-policy seed
    show-hidden-metrics-for-version shutdown-timeout sparse-indexer-topk-backend spec-decoding-acceptance-method
    spec-method spec-tokens speculative-disable-by-batch-size speculative-draft-tensor-parallel-size
    speculative-max-model-len speculative-model-quantization sse-keep-alive-interval ssl-ca-certs ssl-cert-reqs
    ssl-certfile ssl-ciphers ssl-keyfile stream-interval structured-outputs-config swap-space task
    tensor-parallel-size tokenizer-mode tokenizer-pool-extra-config tokenizer-pool-size tokenizer-pool-type
    tool-call-parser tool-parser-plugin tool-server tool-strict-level typical-acceptance-sampler-posterior-alpha
    typical-acceptance-sampler-posterior-threshold ubatch-size uds uvicorn-log-level video-pruning-method
    video-pruning-rate watermark watermark-config worker-cls worker-extension-cls
    """.split()  # noqa: SIM905  a list of two hundred words is read more easily so
)
_LISTS: Final = frozenset(
    """
    allowed-media-domains api-key collect-detailed-traces cpu-offload-params cudagraph-capture-sizes ignore-patterns
    kv-cache-dtype-skip-layers logits-processors lora-target-modules numa-bind-cpus numa-bind-nodes offload-params
    served-model-name sleep-preserve-parameter-names
    """.split()  # noqa: SIM905  as above
)
_SWITCHES: Final = frozenset(
    """
    aggregate-engine-logging allow-credentials allow-deprecated-quantization async-scheduling calculate-kv-scales
    cohere-is-reasoning-model cudagraph-metrics data-parallel-external-lb data-parallel-hybrid-lb
    data-parallel-multi-port-external-lb dcp-q-replicate disable-async-output-proc disable-cascade-attn
    disable-chunked-mm-input disable-custom-all-reduce disable-fastapi-docs disable-frontend-multiprocessing
    disable-hybrid-kv-cache-manager disable-log-requests disable-log-stats disable-logprobs-during-spec-decoding
    disable-mm-preprocessor-cache disable-nccl-for-dp-synchronization disable-sliding-window
    disable-uvicorn-access-log enable-auto-tool-choice enable-batch-sharded-sampling enable-chunked-prefill
    enable-cumem-allocator enable-dbo enable-elastic-ep enable-ep-weight-filter enable-eplb enable-expert-parallel
    enable-fault-tolerance enable-flash-late-interaction enable-flashinfer-autotune enable-force-include-usage
    enable-hc-sp enable-layerwise-nvtx-tracing enable-log-deltas enable-log-outputs enable-log-requests
    enable-logging-iteration-details enable-lora enable-lora-bias enable-mamba-cache-stochastic-rounding
    enable-mamba-shared-prefix-checkpoint enable-metrics enable-mfu-metrics enable-mixed-moe-lora-format
    enable-mm-embeds enable-moe-shared-loras enable-multimodal-encoder-data-parallel enable-nccl-comm-suspend
    enable-offline-docs enable-per-request-metrics enable-prefix-caching enable-prompt-adapter enable-prompt-embeds
    enable-prompt-tokens-details enable-reasoning enable-request-id-headers enable-return-routed-experts
    enable-scale-out enable-server-load-tracking enable-shm-tensor-arena enable-sleep-mode enable-ssl-refresh
    enable-tokenizer-info-endpoint enable-tower-connector-lora enable-trace-replay enforce-eager engine-use-ray
    exclude-tools-when-tool-choice-none fail-on-environ-validation fully-sharded-loras grpc
    guided-decoding-disable-additional-properties guided-decoding-disable-any-whitespace
    guided-decoding-disable-fallback headless help interleave-mm-strings jit-monitor-verbose kv-cache-metrics
    kv-sharing-fast-prefill language-model-only log-error-stack long-prefill-token-threshold-adaptive
    mm-device-do-normalize mm-encoder-only multi-step-stream-outputs numa-bind ray-workers-use-nsight
    return-sampling-mask return-tokens-as-token-ids scheduler-reserve-full-isl skip-mm-profiling skip-tokenizer-init
    sleep-mode-offload-cudagraph specialize-active-lora speculative-disable-mqa-scorer swa-bounded-replay
    tokens-only trust-request-chat-template trust-request-mm-kwargs use-fp64-gumbel use-replayssm use-tqdm-on-load
    use-v2-block-manager worker-use-ray
    """.split()  # noqa: SIM905  as above
)
_VALUED_SHORT: Final = frozenset("asc q pp n r tp dcp pcp dp dpn dpr dpl dpa dpp dpb sc dc cc ac i o O".split())  # noqa: SIM905  as above


@dataclass(frozen=True, slots=True)
class Given:
    """A flag that was given: its name, the rest of a dotted name (`--speculative-config.model`), its value."""

    flag: str
    dotted: str
    word: Word
    values: tuple[Word, ...]
    value: str | Unknown

    @property
    def path(self) -> str:
        """Where the naming word stands: the value's own word, or the flag's where it is one word with its value."""
        return self.values[0].path if self.values else self.word.path


def read_flags(words: Sequence[Word], *, abbreviated: bool) -> list[Given]:
    """Return the flags of the tables above that the words give; `abbreviated` takes beginnings of flags for them."""
    found: list[Given] = []
    for number, word in enumerate(words):
        text = word.spelling
        # `--` may end the options of a wrapper (`tini --`, `bash -lc --`): what looks like a flag behind it is read.
        if not text.startswith("-") or text in ("-", "--"):
            continue
        name, equals, written = text.lstrip("-").partition("=")
        value = word.value if isinstance(word.value, Unknown) else written
        stem, dot, dotted = name.partition(".")
        stem = stem.replace("_", "-")
        is_short = not text.startswith("--")
        meant = _short(stem, abbreviated=abbreviated) if is_short else _meant(stem, abbreviated=abbreviated)
        following = tuple(_following(words, number)) if meant else ()
        for flag in meant:
            if flag in CODE_FLAGS:
                found.append(Given(flag, "", word, (), value))
            elif equals:
                found.append(Given(flag, dotted if dot else "", word, (), value))
            else:
                first = following[0].value if following else Unknown("it has no value")
                found.append(Given(flag, dotted if dot else "", word, following, first))
    return found


def positionals(words: Sequence[Word]) -> list[Word]:
    """Return the words that may be vLLM's one positional, its model.

    The first word is, where it is no flag. Else it may be any word that isn't known to be the value of a flag. Behind
    `--` there are no more flags.
    """
    if words and not is_option(words[0]):
        return [words[0]]
    found: list[Word] = []
    takes_one = takes_many = ended = False
    for word in words:
        if ended:
            found.append(word)
        elif word.spelling == "--":
            ended, takes_one, takes_many = True, False, False
        elif is_option(word):
            takes_one, takes_many = _takes(word)
        elif takes_one or takes_many:
            takes_one = False
        else:
            found.append(word)
    return found


def _takes(word: Word) -> tuple[bool, bool]:
    """Return whether a flag takes the next word for its value, and whether all words up to the next flag."""
    text = word.spelling
    name, equals, _ = text.lstrip("-").partition("=")
    stem, dot, _ = name.partition(".")
    if equals:
        return False, False
    if not text.startswith("--"):
        return bool(dot) or stem in _VALUED_SHORT, False
    stem = stem.replace("_", "-")
    if stem in _LISTS or (not dot and stem in LIST_FLAGS):
        return False, True
    if dot or stem in _VALUED or (stem in _ALL and stem not in CODE_FLAGS):
        return True, False
    if stem in _SWITCHES or stem.removeprefix("no-") in _SWITCHES:
        return False, False
    known = [flag for flag in (*_VALUED, *_LISTS, *_SWITCHES, *_ALL) if flag.startswith(stem)]
    lists = (*_LISTS, *LIST_FLAGS)
    switches = (*_SWITCHES, *CODE_FLAGS)
    # A beginning that several flags have stops vLLM; whatever follows it is then no name that is loaded.
    takes_many = bool(known) and all(flag in lists for flag in known)
    return bool(known) and not takes_many and all(flag not in switches for flag in known), takes_many


def _following(words: Sequence[Word], number: int) -> list[Word]:
    values: list[Word] = []
    for index in range(number + 1, len(words)):
        if is_option(words[index]):
            break
        values.append(words[index])
    return values


def _short(stem: str, *, abbreviated: bool) -> list[str]:
    return [flag for name, flag in _SHORT.items() if abbreviated and stem and name.startswith(stem)]


def _meant(stem: str, *, abbreviated: bool) -> list[str]:
    if stem in _ALL:
        return [stem]
    if not abbreviated or len(stem) < _SHORTEST_BEGINNING or stem in _VALUED or stem in _LISTS or stem in _SWITCHES:
        return []
    if "model".startswith(stem):
        return ["model"]
    return [flag for flag in _ALL if flag.startswith(stem)]
