"""Makes two weights of each output projection of an imported module, its first columns and the others:

    linear(x, W) = linear(x[first], W[:, first]) + linear(x[rest], W[:, rest])

    split-columns.py COLUMNS < imported.mlir > split.mlir
"""

import re
import sys

first = int(sys.argv[1])
names, values = {}, {}
for line in sys.stdin:
    line = line.rstrip("\n")
    weight = re.match(r"(.*llama\.weight @)(\S*o_proj) : tensor<(\d+)x(\d+)x(\w+)> role matrix sources \[\"(\S+)\"\](.*)", line)
    if weight:
        head, name, rows, columns, element, source, tail = weight.groups()
        assert name == source
        parts = []
        for begin, end in (0, first), (first, int(columns)):
            part, kind = f"{name}.{begin}", f"tensor<{rows}x{end - begin}x{element}>"
            parts.append((part, kind, end - begin))
            print(f'{head}{part} : {kind} role matrix sources [#llama.source<"{source}" columns '
                  f"<{begin} to {end} of {columns}>>]{tail}")
        names[name] = parts
        continue
    reference = re.match(r" *(%\S+) = llama\.weight_ref @(\S*o_proj) ", line)
    if reference:
        value, name = reference.groups()
        values[value] = names[name]
        for i, (part, kind, _) in enumerate(names[name]):
            print(f"    %w{value[1:]}_{i} = llama.weight_ref @{part} : {kind}")
        continue
    linear = re.match(r" *(%\S+) = llama\.linear (%\S+), (%\S+) : \(tensor<\?x\d+x(\w+)>, \S+ -> (\S+)", line)
    if linear and linear.group(3) in values:
        value, x, weight, element, result = linear.groups()
        parts = values[weight]
        whole = sum(width for _, _, width in parts)
        inputs = [f"tensor<?x{width}x{element}>" for _, _, width in parts]
        print(f"    %x{value[1:]}_0, %x{value[1:]}_1 = llama.split {x} : (tensor<?x{whole}x{element}>) -> ({', '.join(inputs)})")
        for i, (_, kind, _) in enumerate(parts):
            print(f"    %y{value[1:]}_{i} = llama.linear %x{value[1:]}_{i}, %w{weight[1:]}_{i} : ({inputs[i]}, {kind}) -> {result}")
        print(f"    {value} = llama.add %y{value[1:]}_0, %y{value[1:]}_1 : ({result}, {result}) -> {result}")
        continue
    print(line)
assert names and len(values) == len(names)
