// A function of a phase as nodes, frames and edges, and where dagre places them.

const nodeHeight = 34;
/// Of a frame, above the first node.
const labelRoom = 16;
/// A rough width of a text of 12 pixels, which does not need the page to be drawn.
const widthOf = (text) => Math.max(60, text.length * 7.2 + 20);

/// The nodes {id, label, note, op, owner}, frames {id, label, kernel, parent} and edges {from, to, label, next} of a
/// function. `inside`: kernels are frames around their ops.
function graphOf(part, insideOf) {
  const nodes = [], frames = [], edges = new Map();
  // Where a value of an op leaves it, and where an operand enters it.
  const exits = new Map(), entries = new Map(), types = new Map();
  const addEdge = (from, to, label, next) => edges.set(`${from} ${to} ${next}`, { from, to, label, next });
  let number = 0;
  part.groups.forEach((group, groupIndex) => {
    const frame = group.layers ? `group ${groupIndex}` : null;
    if (frame) frames.push({ id: frame, label: group.layers, kernel: null, parent: null });
    for (const op of group.ops) {
      const id = `op ${number}`;
      types.set(number, op.types ?? []);
      const kernel = op.kernel ? insideOf.get(op.kernel) : null;
      if (kernel) addKernel(op, id, number, kernel, frame);
      else nodes.push({ id, label: lastWord(op.place) || withoutDialect(op.op), note: noteOf(op), op, owner: null, frame });
      ++number;
    }
  });

  /// The ops of a kernel in a frame. Its arguments lead to the ops that read them.
  function addKernel(op, id, number, kernel, frame) {
    frames.push({ id, label: op.kernel, kernel: op, parent: frame });
    const ops = opsOf(kernel), yields = ops.findIndex((each) => each.op === "llama.yield");
    ops.forEach((each, i) => {
      if (i !== yields)
        nodes.push({ id: `${id} ${i}`, label: lastWord(each.place) || withoutDialect(each.op), note: withoutDialect(each.op),
                     op: each, owner: op.kernel, frame: id });
    });
    const readers = new Map(), makers = new Map();
    for (const [source, , target, operand] of kernel.edges) {
      if (target === yields) makers.set(operand, source < 0 ? null : `${id} ${source}`);
      else if (source < 0) readers.set(-1 - source, [...(readers.get(-1 - source) ?? []), `${id} ${target}`]);
      else addEdge(`${id} ${source}`, `${id} ${target}`, "", 0);
    }
    entries.set(number, readers);
    exits.set(number, makers);
  }

  const known = new Set(nodes.map((node) => node.id));
  for (const [source, result, target, operand, next] of part.edges) {
    let from = `op ${source}`;
    if (source < 0) {
      from = `argument ${part.arguments[-1 - source]}`;
      if (!known.has(from)) {
        known.add(from);
        nodes.push({ id: from, label: part.arguments[-1 - source], note: "", op: null, owner: null, frame: null });
      }
    } else if (exits.has(source)) from = exits.get(source).get(result);
    const to = entries.has(target) ? [...new Set(entries.get(target).get(operand) ?? [])] : [`op ${target}`];
    const label = source < 0 ? "" : shortType(types.get(source)[result]);
    if (from) to.forEach((each) => addEdge(from, each, label, next));
  }
  return { nodes, frames, edges: [...edges.values()] };
}

/// "?x320" of "tensor<?x320xf32>".
function shortType(type) {
  const match = /^tensor<([^,>]*)/.exec(type ?? "");
  return match ? match[1] : "";
}

function noteOf(op) {
  return op.kernel ? "kernel" : withoutDialect(op.op);
}

/// Gives nodes x, y, width, height, frames the same, and edges their points.
function layOut(graph) {
  const layout = new dagre.graphlib.Graph({ compound: true });
  layout.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 38, marginx: 10, marginy: 36 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const frame of graph.frames) layout.setNode(frame.id, {});
  for (const node of graph.nodes)
    layout.setNode(node.id, { width: widthOf(node.label.length > node.note.length ? node.label : node.note), height: nodeHeight });
  for (const frame of graph.frames) if (frame.parent) layout.setParent(frame.id, frame.parent);
  for (const node of graph.nodes) if (node.frame) layout.setParent(node.id, node.frame);
  // What goes to the next layer would turn the graph around.
  for (const edge of graph.edges) if (!edge.next) layout.setEdge(edge.from, edge.to);
  dagre.layout(layout);
  for (const node of graph.nodes) Object.assign(node, layout.node(node.id));
  for (const frame of graph.frames) {
    Object.assign(frame, layout.node(frame.id));
    // Room for the label above what is in it.
    const room = frame.kernel ? labelRoom : 2 * labelRoom;
    frame.y -= room / 2;
    frame.height += room;
  }
  const place = new Map(graph.nodes.map((node) => [node.id, node]));
  const side = Math.max(0, ...graph.frames.filter((frame) => !frame.kernel).map((frame) => frame.x + frame.width / 2));
  let track = 0;
  for (const edge of graph.edges)
    edge.points = edge.next ? backwards(place.get(edge.from), place.get(edge.to), side + 10 + 8 * track++)
                            : layout.edge(edge.from, edge.to).points;
  graph.width = layout.graph().width;
  graph.height = layout.graph().height;
  for (const edge of graph.edges)
    for (const point of edge.points) graph.width = Math.max(graph.width, point.x + 20);
  return graph;
}

/// From the end of a layer to its begin, at the side of it.
function backwards(from, to, side) {
  return [{ x: from.x + from.width / 2, y: from.y }, { x: side, y: from.y }, { x: side, y: to.y },
          { x: to.x + to.width / 2, y: to.y }];
}
