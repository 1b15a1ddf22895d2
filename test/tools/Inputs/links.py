"""links.py FOLDER: every link of the Markdown pages below FOLDER that is no web address leads to something below it."""

import os
import re
import sys

folder = os.path.realpath(sys.argv[1])
links = 0
for place, _, files in os.walk(folder):
    for name in files:
        if not name.endswith(".md"):
            continue
        with open(os.path.join(place, name)) as file:
            text = re.sub(r"```.*?```", "", file.read(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            path = os.path.realpath(os.path.join(place, target.split("#")[0]))
            assert path.startswith(folder + os.sep) and os.path.exists(path), f"{place}/{name}: {target}"
            links += 1
assert links > 8, links
print(links, "links lead somewhere")
