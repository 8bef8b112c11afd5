"""TensorRT-LLM: `trtllm-serve MODEL`, alone or behind `trtllm-llmapi-launch`.

Read: TensorRT-LLM 1.1 to 1.2, `tensorrt_llm/commands/serve.py` (click: exact names with `_`, values behind a space or
`=`, the last of two wins, options before and behind the model; `serve` is the command where none stands).

What can't be told: what the file of `--config` or `--extra_llm_api_options` puts in the model's place or beside it, and
what an engine was built from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.commands import behind, hidden, told_nothing, unfollowed
from admission.references.container import Revision
from admission.references.options import Option, flag_names, is_option, last_of, read_options
from admission.references.program import Program
from admission.references.reference import ModelReference, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM"]

_SERVE: Final = "trtllm-serve"
_LOADING: Final = ("serve", "mm_embedding_serve", "grpc")
_ROUTING: Final = ("disaggregated",)
_WORKERS: Final = ("disaggregated_mpi_worker",)
_VALUED: Final = flag_names(
    "backend chat_template cluster_size config context_parallel_size cp_size custom_module_dirs custom_tokenizer"
    " disagg_cluster_uri ep_size extra_encoder_options extra_llm_api_options free_gpu_memory_fraction"
    " gpus_per_node host kv_cache_free_gpu_memory_fraction log_level max_batch_size max_beam_width max_num_tokens"
    " max_seq_len media_io_kwargs metadata_server_config_file moe_cluster_parallel_size moe_expert_parallel_size"
    " num_postprocess_workers otlp_traces_endpoint pipeline_parallel_size port pp_size reasoning_parser revision"
    " server_role tensor_parallel_size tokenizer tool_parser tp_size",
    before="",
)
_FILES: Final = ("config", "extra_llm_api_options", "extra_encoder_options")
_NAMED: Final = ("tokenizer", "revision", "trust_remote_code", *_FILES)


def _starts(container: Container) -> bool:
    return behind(container.words, _SERVE) is not None or bool(hidden(container, _SERVE))


def _loads(container: Container) -> list[ModelReference]:
    found = unfollowed(container, _SERVE)
    words = behind(container.words, _SERVE)
    if words is None:
        return found
    command = str(words[0].value) if words else ""
    if command in _ROUTING:
        return found
    if command in _WORKERS:
        because = "its model is named by a configuration file"
        return [*found, container.opaque(Role.MODEL, words[0].text, words[0].path, because)]
    if command in _LOADING:
        words = words[1:]
    given = read_options(words, _meant, greedy=True)
    revision = Revision.of(item.value for item in last_of(given, "revision"))
    found += [
        container.reference(Role.MODEL, word.value, word.path, written=word.text, revision=revision)
        for word in _positionals(words)
    ]
    if not any(item.role is Role.MODEL for item in found):
        found.append(told_nothing(container, "TensorRT-LLM is told no model here that can be seen"))
    return [*found, *_others(container, words, given)]


def _meant(written: str) -> tuple[str, ...]:
    return (written[2:],) if written.startswith("--") and written[2:] in _NAMED else ()


def _others(container: Container, words: Sequence[Word], given: list[Option]) -> list[ModelReference]:
    found = [
        container.reference(Role.TOKENIZER, item.value, item.path, written=item.text)
        for item in given
        if item.name == "tokenizer"
    ]
    because = "a file of options may name any model"
    found += [container.opaque(Role.MODEL, item.text, item.path, because) for item in given if item.name in _FILES]
    return found + [
        container.opaque(Role.CODE, word.text, word.path, "code of the repository is run")
        for word in words
        if word.value == "--trust_remote_code"
    ]


def _positionals(words: Sequence[Word]) -> list[Word]:
    """Return the words that may be the model: those that are neither options nor values of options that are known.

    A word behind an option that isn't known may be its value or the model.
    """
    found: list[Word] = []
    takes_one = only_words = False
    for word in words:
        if takes_one:
            takes_one = False
        elif is_option(word) and not only_words:
            name, equals, _ = word.spelling.lstrip("-").partition("=")
            only_words = word.spelling == "--"
            takes_one = not equals and name in _VALUED
        else:
            found.append(word)
    return found


PROGRAM: Final = Program("TensorRT-LLM", "TensorRT-LLM 1.1 tensorrt_llm/commands/serve.py", _starts, _loads)
