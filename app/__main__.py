"""The command line: `thinline patient | provider | clinic | outbox | demo | peer`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app import __version__
from app.arenas import share_arenas
from app.hardening import keep_memory_off_the_disk

_DESK = ("enrol", "invite", "people", "retire", "add-visit", "add-form", "remove-form")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 well, 1 it did not work (a sentence says why), 2 the command line is wrong."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    keep_memory_off_the_disk()
    share_arenas()
    commands: dict[str, tuple[Callable[[list[str]], int], str]] = {
        "patient": (_window, "the patient's window"),
        "provider": (_window, "the provider's window"),
        "clinic": (_clinic, "the clinic's service, invitations and visits"),
        "outbox": (_outbox, "seal, send and open submissions at the command line"),
        "demo": (_demo, "a whole visit on this machine, driven and watched"),
        "peer": (_peer, "a headless endpoint for measuring"),
    }
    if arguments and arguments[0] in ("-V", "--version"):
        print(f"thinline {__version__}")
        return 0
    if not arguments or arguments[0] not in commands:
        print("usage: thinline COMMAND [options]\n")
        for name, (_, words) in commands.items():
            print(f"  {name:10}{words}")
        print("\nEach says more with --help.")
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    return commands[arguments[0]][0](arguments)


def _window(arguments: list[str]) -> int:
    role = arguments[0]
    parser = argparse.ArgumentParser(prog=f"thinline {role}")
    parser.add_argument("--profile", type=Path, help="where this device keeps its keys and items")
    parser.add_argument("--camera", default="", help="a number, FILE, synthetic or none")
    parser.add_argument("--microphone", default="", help="a number, FILE, synthetic or none")
    parser.add_argument("--speaker", default="", help="a number or none")
    parser.add_argument("--no-keyring", action="store_true", help="keep the store's key in a file (weak)")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    options = parser.parse_args(arguments[1:])
    _log_to_stderr(options.log_level)
    from app.compose import WindowOptions, run_window

    return run_window(
        WindowOptions(
            role="patient" if role == "patient" else "provider",
            profile=options.profile,
            camera=options.camera,
            microphone=options.microphone,
            speaker=options.speaker,
            keyring=not options.no_keyring,
        )
    )


def _clinic(arguments: list[str]) -> int:
    if len(arguments) > 1 and arguments[1] in _DESK:
        from app import desk_line

        return desk_line.main(arguments[1:])
    if arguments[1:] in ([], ["-h"], ["--help"]):
        print("usage: thinline clinic COMMAND [options]\n")
        print("  init       make a clinic: keys, certificate, the first provider's code")
        print("  serve      run the service")
        print("  enrol      use a provider's code at the command line")
        print("  invite     make an invitation for a patient or a provider")
        print("  people     who has enrolled")
        print("  retire     take a lost or replaced device off the care team")
        print("  add-visit  put a visit on the schedule")
        print("  add-form, remove-form  the questionnaires that the clinic asks")
        return 0 if len(arguments) > 1 else 2
    from app.clinic import cli

    return cli.main(arguments[1:])


def _outbox(arguments: list[str]) -> int:
    from app import outbox_line

    return outbox_line.main(arguments[1:])


def _demo(arguments: list[str]) -> int:
    from app.demo.run import main as demo

    return demo(arguments[1:])


def _peer(arguments: list[str]) -> int:
    from app.peer import main as peer

    return peer(arguments[1:])


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    for name in ("aioice", "aiortc", "httpx", "httpcore", "websockets", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


if __name__ == "__main__":
    sys.exit(main())
