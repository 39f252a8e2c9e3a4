"""The lab's Chromium with what the clinic's guest page asks of its browser (`page/pace.js`): an adapter of the lab."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bench.lab import ROOT

_PACE = ROOT / "app" / "clinic" / "page" / "pace.js"
_SETS = """
{
  const pace = new Pace();
  let before;
  setInterval(async () => {
    if (!window.pc || pc.connectionState !== "connected") return;
    const step = pace.look(performance.now() / 1000, ...(await figures(pc)));
    if (step === before) return;
    before = step;
    out({ k: "log", m: `step ${step}` });
    for (const sender of pc.getSenders()) {
      if (!sender.track) continue;
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings) bound(encoding, sender.track.kind, STEPS[step]);
      await sender.setParameters(parameters);
    }
  }, 1000);
}
"""


def adapter(lab: Path, python: Path, work: Path) -> str:
    """The command of an adapter in `work`: the lab's for Chromium, its page with our guest page's steps."""
    folder = work / "guest-page"
    folder.mkdir(parents=True, exist_ok=True)
    for script in (lab / "peers").glob("*.py"):
        link = folder / script.name
        link.unlink(missing_ok=True)
        link.symlink_to(script)
    pace = re.sub(r"^export ", "", _PACE.read_text(), flags=re.MULTILINE)
    page = (lab / "peers" / "chromium_page.js").read_text() + pace + _SETS
    (folder / "chromium_page.js").write_text(page)
    return f"{python} {folder / 'chromium_peer.py'}"
