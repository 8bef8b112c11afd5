"""Ask vLLM's, LMDeploy's and SGLang's own argument parsers what words mean, and Ray what a Serve configuration does.

All are installed unmodified, without what they compute with: torch and the like, which they import and which no
argument is parsed with, are stood in for by modules whose every name is an empty class.

    echo '{"program": "vllm", "cases": [["serve", "org/m"]]}' | parse-words

prints a list with one object a case: what the parser read, or `error`, where it stops. Ray (`{"program": "ray"}`, a
case is a list with one text) is that of the interpreter that runs this.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import pkgutil
import sys
import types
import typing
from importlib import import_module

_OURS = ("vllm", "lmdeploy")
_NOT_THERE = frozenset(
    """
    libtpu amdsmi tpu_inference pynvml torch_xla habana_frameworks jax modelscope triton ray org java vms_lib _winapi
    """.split()  # noqa: SIM905  a list of words is read more easily so
)
_ASKED = """
    model tokenizer revision tokenizer_revision hf_config_path trust_remote_code download_dir lora_modules
    default_mm_loras speculative_config spec_model load_format served_model_name
    """.split()  # noqa: SIM905  as above
_ASKED_OF_SGLANG = """
    model_path tokenizer_path revision trust_remote_code download_dir lora_paths enable_lora config uno_lora_path
    speculative_draft_model_path speculative_draft_model_revision model_checksum served_model_name
    """.split()  # noqa: SIM905  as above
_ARGUMENTS = "sglang.srt.arg_groups"
_OPERATORS = ("add", "radd", "sub", "mul", "rmul", "truediv", "lt", "gt", "le", "ge", "and", "rand")


class _Meta(type):
    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _Meta(name, (_Nothing,), {})
        setattr(cls, name, made)
        return made

    def __call__(cls, *words: typing.Any, **named: typing.Any) -> typing.Any:  # noqa: ANN401  it stands in for anything
        is_decorator = len(words) == 1 and not named and isinstance(words[0], type | types.FunctionType)
        return words[0] if is_decorator else type.__call__(cls)

    def __getitem__(cls, _: object) -> typing.Any:  # noqa: ANN401  as above
        return cls

    def __or__(cls, other: typing.Any) -> typing.Any:  # noqa: ANN401  as above
        return typing.Union[cls, other]  # noqa: UP007  not a type that is known here

    def __ror__(cls, other: typing.Any) -> typing.Any:  # noqa: ANN401  as above
        return typing.Union[other, cls]  # noqa: UP007  as above

    def __iter__(cls) -> typing.Iterator[object]:
        return iter(())

    def __bool__(cls) -> bool:
        return False

    def __add__(cls, _: object) -> typing.Any:  # noqa: ANN401  as above
        return cls

    def __str__(cls) -> str:
        return "2.13.0"

    def __lt__(cls, _: object) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__
    __radd__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __add__


class _Nothing(metaclass=_Meta):
    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __init_subclass__(cls, **_: object) -> None:
        pass

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> typing.Any:  # noqa: ANN401  pydantic's own type
        from pydantic_core import core_schema

        return core_schema.any_schema()

    def __call__(self, *words: typing.Any, **_: object) -> typing.Any:  # noqa: ANN401  it stands in for anything
        return words[0] if len(words) == 1 and isinstance(words[0], type | types.FunctionType) else self

    def __getattr__(self, name: str) -> typing.Any:  # noqa: ANN401  as above
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing()

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> typing.Iterator[object]:
        return iter(())

    def __getitem__(self, _: object) -> typing.Self:
        return self

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Nothing)

    def __hash__(self) -> int:
        return 1

    def __int__(self) -> int:
        return 1

    def __index__(self) -> int:
        return 1

    def __float__(self) -> float:
        return 1.0

    def __len__(self) -> int:
        return 0

    def __contains__(self, _: object) -> bool:
        return False


for _name in _OPERATORS:
    setattr(_Nothing, f"__{_name}__", lambda self, _: self)


class _Module(types.ModuleType):
    __version__ = "2.13.0"

    def __getattr__(self, name: str) -> typing.Any:  # noqa: ANN401  as above
        if name.startswith("__"):
            raise AttributeError(name)
        made = _Meta(name, (_Nothing,), {})
        setattr(self, name, made)
        return made


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module for whatever isn't installed."""

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        del path, target
        top = name.partition(".")[0]
        compiled = name.startswith(("vllm._C", "vllm._moe", "vllm.vllm_flash", "lmdeploy.lib"))
        is_real = top in sys.modules and not isinstance(sys.modules[top], _Module)
        if top in sys.stdlib_module_names or top in _NOT_THERE or (top in _OURS and not compiled):
            return None
        if "." in name and is_real and not compiled:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _no_defaults(*_: object, **__: object) -> None:
    pass


def _vllm() -> typing.Callable[[list[str]], dict[str, typing.Any]]:
    configs = import_module("vllm.config")
    for name in dir(configs):
        found = getattr(configs, name)
        if isinstance(found, type) and hasattr(found, "__pydantic_validator__"):
            # Defaults are made by asking the machine for its devices, of which there are none here.
            setattr(found, "__init__", _no_defaults)  # noqa: B010  as an attribute, mypy takes it for an unsound call
    parser = import_module("vllm.utils.argparse_utils").FlexibleArgumentParser()
    # As vllm/entrypoints/cli/main.py and serve.py put them together.
    make_arg_parser = import_module("vllm.entrypoints.launchers.cli_args").make_arg_parser
    make_arg_parser(parser.add_subparsers(dest="subparser").add_parser("serve"))

    def read(words: list[str]) -> dict[str, typing.Any]:
        given = vars(parser.parse_args(words))
        adapters = [item.path for item in given["lora_modules"] or []]
        # ServeSubcommand.cmd: the positional wins.
        given |= {"model": given["model_tag"] or given["model"], "lora_modules": adapters}
        return {name: given[name] for name in _ASKED}

    return read


def _lmdeploy() -> typing.Callable[[list[str]], dict[str, typing.Any]]:
    commands = import_module("lmdeploy.cli.serve").SubCliServe
    get_lora_adapters = import_module("lmdeploy.cli.utils").get_lora_adapters
    commands.add_parser_api_server()
    parser = commands.subparsers.choices["api_server"]

    def read(words: list[str]) -> dict[str, typing.Any]:
        given = vars(parser.parse_args(words))
        named = ("model_path", "revision", "download_dir", "speculative_draft_model", "trust_remote_code")
        adapters = list((get_lora_adapters(given["adapters"]) or {}).values())
        return {**{name: given[name] for name in named}, "adapters": adapters}

    return read


class _AllBut(_StandIns):
    """Finds an empty module for everything of SGLang but the definitions of its arguments."""

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        del path, target
        is_other = name.startswith("sglang") and not name.startswith(_ARGUMENTS)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if is_other else None


def _sglang() -> typing.Callable[[list[str]], dict[str, typing.Any]]:
    found = importlib.util.find_spec("sglang")
    folders = (found and found.submodule_search_locations) or ["sglang"]
    folder = folders[0]
    # Its packages import what it computes with as soon as they are imported themselves.
    for name, path in (("sglang", folder), ("sglang.srt", f"{folder}/srt")):
        sys.modules[name] = _Module(name)
        sys.modules[name].__path__ = [path]
    sys.meta_path.insert(0, _AllBut())
    fields = import_module(f"{_ARGUMENTS}.fields")
    add = import_module(f"{_ARGUMENTS}.arg_utils").add_cli_args_from_dataclass
    parser = argparse.ArgumentParser(prog="sglang serve")
    for module in pkgutil.iter_modules(fields.__path__):
        groups = vars(import_module(f"{fields.__name__}.{module.name}")).values()
        for group in dict.fromkeys(item for item in groups if isinstance(item, type) and "_NS_PATH" in vars(item)):
            add(parser, group)
    # As sglang/srt/server_args.py adds it beside them.
    parser.add_argument("--config", type=str)

    def read(words: list[str]) -> dict[str, typing.Any]:
        given = vars(parser.parse_args(words))
        return {name: given[name] for name in _ASKED_OF_SGLANG}

    return read


def _ray() -> typing.Callable[[list[str]], dict[str, typing.Any]]:
    deploy = import_module("ray.serve.schema").ServeDeploySchema
    configs = import_module("ray.llm._internal.serve.core.configs.llm_config")
    yaml = import_module("yaml")

    def models(application: typing.Any) -> typing.Iterator[dict[str, typing.Any]]:  # noqa: ANN401  Ray's own type
        for config in application.args["llm_configs"]:
            loading = configs.ModelLoadingConfig.model_validate(config["model_loading_config"])
            source = getattr(loading.model_source, "bucket_uri", loading.model_source)
            lora = configs.LoraConfig.model_validate(config.get("lora_config", {}))
            trusts = bool(config.get("engine_kwargs", {}).get("trust_remote_code"))
            # As VLLMEngineConfig.from_llm_config reads them (serve/engines/vllm/vllm_models.py).
            yield {
                "model": source or loading.model_id,
                "tokenizer": loading.tokenizer_source,
                "adapters": lora.dynamic_lora_loading_path,
                "trust_remote_code": trusts,
            }

    def read(words: list[str]) -> dict[str, typing.Any]:
        applications = deploy.model_validate(yaml.safe_load(words[0])).applications
        return {
            "models": [model for application in applications for model in models(application)],
            "code": [place for each in applications if (place := each.runtime_env.get("working_dir"))],
        }

    return read


def main() -> int:
    """Answer what stands on standard input."""
    asked = json.load(sys.stdin)
    sys.meta_path.append(_StandIns())
    answers: list[dict[str, typing.Any]] = []
    with contextlib.redirect_stdout(io.StringIO()):
        read = {"vllm": _vllm, "lmdeploy": _lmdeploy, "sglang": _sglang, "ray": _ray}[asked["program"]]()
        for words in asked["cases"]:
            said = io.StringIO()
            try:
                with contextlib.redirect_stderr(said):
                    answers.append(read(words))
            except (SystemExit, ValueError, AssertionError, IndexError) as error:
                answers.append({"error": said.getvalue().strip()[-300:] or repr(error)})
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
