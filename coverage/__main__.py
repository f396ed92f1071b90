"""``python -m plugspan``; the application also learns how a command ended that outlived it."""

import os
from contextlib import suppress
from pathlib import Path

from .cli import main

if __name__ == "__main__":
    log = os.environ.pop("PLUGSPAN_EXIT_LOG", "")
    code: object = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code
        raise
    finally:
        if log:
            with suppress(OSError), Path(log).open("a", encoding="utf-8") as out:
                out.write(f'\n{{"exit": {code}}}\n')
