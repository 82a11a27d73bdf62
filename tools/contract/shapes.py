"""Reads what OpenAPI Generator made of the contract: the shapes on which clients in C# and Kotlin depend.

shapes.py FOLDER, with csharp, httpclient and kotlin below it.
"""

import pathlib
import re
import sys

EXPECTED = {
    # Custom values are open: a class of the alternatives reads none of them.
    "csharp/src/Gsm/Model/Session.cs": [
        r"public Object Attributes \{ get; set; \}",
        r"public EndReason\? EndReason \{ get; set; \}",
        r"public Connection\? Connection \{ get; set; \}",
        r"public List<Member>\? Members ",
    ],
    "csharp/src/Gsm/Model/Member.cs": [r"public Object Attributes \{ get; set; \}"],
    # A patch can say null, and leave out.
    "csharp/src/Gsm/Model/SettingsPatch.cs": [
        r"public Object\? Attributes ",
        r"public Option<string\?> RegionOption ",
        r"public ConnectionPatch\? Connection ",
    ],
    # What a PUT takes back from a GET has its type.
    "csharp/src/Gsm/Model/SessionMove.cs": [
        r"public List<Member>\? Members ",
        r"public Connection\? Connection ",
        r"public string\? HostId ",
    ],
    "csharp/src/Gsm/Api/SessionsApi.cs": [
        r"Option<List<SessionStatus>> status = default",
        r"Option<List<string>> attribute = default",
    ],
    "httpclient/src/Gsm/Model/Session.cs": [
        r"public Object Attributes \{ get; set; \}",
        r"public string EndReason \{ get; set; \}",
    ],
    "httpclient/src/Gsm/Api/SessionsApi.cs": [r'ParameterToMultiMap\("multi", "attribute", attribute\)'],
    "kotlin/src/main/kotlin/gsm/models/Session.kt": [r"val attributes: kotlin\.Any,", r"val endReason: EndReason\?,"],
    "kotlin/src/main/kotlin/gsm/models/SettingsPatch.kt": [r"val region: kotlin\.String\? = null"],
    "kotlin/src/main/kotlin/gsm/apis/SessionsApi.kt": [
        r"attribute: kotlin\.collections\.List<kotlin\.String>\? = null",
    ],
}


def main(folder: pathlib.Path) -> list[str]:
    wrong = []
    for name, patterns in EXPECTED.items():
        path = folder / name
        if not path.exists():
            wrong.append(f"{name} was not generated")
            continue
        text = path.read_text()
        wrong += [f"{name} has no {p}" for p in patterns if not re.search(p, text)]
    for path in [*folder.rglob("*.cs"), *folder.rglob("*.kt")]:
        if re.search(r"(AnyOf|OneOf|Attributes?Value|AttributesValue)\.(cs|kt)$", path.name):
            wrong.append(f"{path.relative_to(folder)} is a class of alternatives")
        if re.search(r"enum class \w+[^{]*\{\s*@Json\(name = \"\"\)", path.read_text()):
            wrong.append(f"{path.relative_to(folder)} has an enumeration with an empty name")
    return wrong


if __name__ == "__main__":
    problems = main(pathlib.Path(sys.argv[1]))
    for problem in problems:
        print(f"shapes: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print("C# and Kotlin: ok")
