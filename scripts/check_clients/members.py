"""Whether generated types have every member of the bodies of requests.
Usage: members.py DOCUMENT go|kotlin FOLDER"""

import json
import pathlib
import re
import sys

document, generator, folder = sys.argv[1:]
document = json.loads(pathlib.Path(document).read_text())
schemas = document["components"]["schemas"]
texts = [path.read_text() for path in pathlib.Path(folder).rglob("*.go" if generator == "go" else "*.kt")]
BODY = {
    "go": r"^type {} struct \{{(.*?)^\}}",
    "kotlin": r"^data class {} ?\((.*?)^\)",
}
MEMBER = {"go": r'json:"{}[,"]', "kotlin": r'@Json\(name = "{}"\)'}

seen = 0
for path in document["paths"].values():
    for operation in path.values():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if not content:
            continue
        name = content["schema"]["$ref"].rsplit("/", 1)[1]
        pattern = re.compile(BODY[generator].format(name), re.M | re.S)
        found = [match[1] for text in texts if (match := pattern.search(text))]
        assert len(found) == 1, f"{len(found)} types are {name}"
        for member in schemas[name]["properties"]:
            assert re.search(MEMBER[generator].format(member), found[0]), f"{name} has no {member}"
            seen += member == "code"
assert seen >= 3, seen
print(f"{generator}: all members are there, `code` in {seen} types")
