"""reference-examples.py PAGE CMD...: CMD (quipu-opt) must take every example of the dialect's reference page.

An example is a block ```mlir. It may be as short as a reader wants it; these rules complete it:

- An example of attributes and types alone (each statement begins with `#`, `!` or `tensor<`) is put into a module:
  attributes as attributes of the module, types as arguments of a function.
- An example that begins with `func.func`, `llama.weight` or `llama.kernel` is a module as it stands.
- Any other is the body of a function, or of a kernel when it ends in `llama.yield`. Values that it uses and does not
  define are arguments, of the types that the op that uses them first states.
- A symbol that an example uses and does not define is the one that another example of the page defines.

Each op, type and attribute must have an example that shows it. All that is wrong is printed, with its section.
"""

import re
import subprocess
import sys

BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def read_page(page):
    """Headings of the page's sections, and (heading, example) of each example; the page's head has the heading ""."""
    heading, example, headings, examples = "", None, [], []
    for line in page.splitlines():
        if example is not None:
            if line.startswith("```"):
                examples.append((heading, "\n".join(example)))
                example = None
            else:
                example.append(line)
        elif line == "```mlir":
            example = []
        elif re.match(r"#{2,3} ", line):
            heading = line.lstrip("# ")
            headings.append(heading)
    if example is not None:
        sys.exit("the page ends within an example")
    return headings, examples


def open_brackets(text):
    """How many brackets of `text` are open at its end; the > of -> is none."""
    text = text.replace("->", "")
    return sum(text.count(opening) - text.count(closing) for opening, closing in BRACKETS.items())


def statements(example):
    """The example in pieces, each of which begins in the first column; without comments."""
    pieces = []
    for line in re.sub(r"//.*", "", example).splitlines():
        if not line.strip():
            continue
        if pieces and (line.startswith((" ", "}")) or open_brackets(pieces[-1]) > 0):
            pieces[-1] += "\n" + line
        else:
            pieces.append(line)
    return pieces


def split_list(text):
    """The items of a list, at the commas that are in no bracket."""
    items = [""]
    for character in text:
        if character == "," and open_brackets(items[-1]) == 0:
            items.append("")
        else:
            items[-1] += character
    return [item.strip() for item in items if item.strip()]


def without_braces(text):
    """Without attribute dictionaries, in which there may be colons."""
    while (shorter := re.sub(r"\{[^{}]*\}", "", text)) != text:
        text = shorter
    return text


def results_and_operands(statement):
    """Names of an op's results; name and type of each operand."""
    statement = without_braces(" ".join(statement.split()))
    results, op = re.fullmatch(r"((?:%[\w, %]+ = )?)(.*)", statement).groups()
    text, _, types = op.partition(" : ")
    operands = re.findall(r"%\w+", text)
    types = types.partition(" -> ")[0].strip()
    if types.startswith("("):
        types = types[1:types.rindex(")")]
    types = split_list(types)
    if operands and len(operands) != len(types):
        raise ValueError(f"states {len(types)} types of {len(operands)} operands: {statement}")
    return re.findall(r"%\w+", results), list(zip(operands, types))


def body(pieces):
    """A function, or kernel, with the ops as its body."""
    defined, arguments = set(), {}
    for piece in pieces:
        results, operands = results_and_operands(piece)
        for name, type in operands:
            if name not in defined:
                arguments.setdefault(name, type)
        defined.update(results)
    inputs = ", ".join(f"{name}: {type}" for name, type in arguments.items())
    text = "\n".join("  " + piece for piece in pieces)
    if re.match(r"llama\.yield\b", pieces[-1]):
        outputs = ", ".join(type for _, type in results_and_operands(pieces[-1])[1])
        return f"llama.kernel @example({inputs}) -> ({outputs}) {{\n{text}\n}}"
    return f"func.func @example({inputs}) {{\n{text}\n  return\n}}"


def module(example):
    pieces = statements(example)
    if all(piece.startswith(("#", "!", "tensor<")) for piece in pieces):
        attributes = ", ".join(f"example.a{i} = {piece}" for i, piece in enumerate(pieces) if piece.startswith("#"))
        types = ", ".join(piece for piece in pieces if not piece.startswith("#"))
        return f"module attributes {{{attributes}}} {{\n  func.func private @types({types})\n}}"
    if re.match(r"(func\.func|llama\.weight|llama\.kernel)\b", pieces[0]):
        return example
    return body(pieces)


def defined_symbols(text):
    return re.findall(r"^(?:func\.func|llama\.weight|llama\.kernel)(?: private)? (@[\w.]+)", text, re.MULTILINE)


def shown(heading):
    """What an example of a section must hold: the text of an op, attribute or type; none for other sections."""
    if match := re.match(r"`(llama\.\w+)` ", heading):
        return match[1]
    if match := re.fullmatch(r"(\w+)(Attr|Type)", heading):
        name = re.sub(r"^((?:Cpu|Cuda)\w+)Schedule$", r"\1", match[1]).replace("KV", "Kv")
        return ("#" if match[2] == "Attr" else "!") + "llama." + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return None


def problem_of(example, definitions, command):
    """What is wrong with an example; none when nothing is."""
    try:
        text = module(example)
    except ValueError as error:
        return str(error)
    known = set(defined_symbols(example))
    for name in sorted(set(re.findall(r"@[\w.]+", "\n".join(statements(example)))) - known):
        if name not in definitions:
            return f"no example of the page defines {name}"
        text = definitions[name] + "\n" + text
    run = subprocess.run(command + ["-", "-o", "/dev/null"], input=text, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    return f"{run.stdout.strip()}\n{text}" if run.returncode else None


def main():
    with open(sys.argv[1]) as file:
        headings, examples = read_page(file.read())
    problems = []
    for heading in headings:
        name = shown(heading)
        if name and not any(at == heading and re.search(re.escape(name) + r"\b", text) for at, text in examples):
            problems.append(f"{heading}: no example shows {name}")
    definitions = {name: piece for _, text in examples for piece in statements(text) for name in defined_symbols(piece)}
    for heading, text in examples:
        if problem := problem_of(text, definitions, sys.argv[2:]):
            problems.append(f"{heading or 'head of the page'}: {problem}")
    print("\n".join(problems + [f"{len(examples)} examples, {len(problems)} problems"]))
    sys.exit(1 if problems or not examples else 0)


if __name__ == "__main__":
    main()
