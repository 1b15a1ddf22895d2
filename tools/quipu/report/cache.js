// What the cache of keys and values takes, for other lengths, numbers of sequences and types.

/// Bytes of a number in the types that `--kv-dtype` knows.
const cacheTypes = { f32: 4, bf16: 2, f16: 2 };

/// Bytes of a cache, whose sequences take whole pages.
function cacheBytes(context, batch, type) {
  const { layers, kv_heads, head_dim, page } = data.kv_cache;
  return 2 * layers * kv_heads * head_dim * cacheTypes[type] * Math.ceil(context / page) * page * batch;
}

function startCache() {
  const { layers, kv_heads, head_dim, page, dtype, max_seq, max_batch } = data.kv_cache;
  const number = (id, value) => make("input", { id, type: "number", min: 1, max: 100000000, value });
  const context = number("context", max_seq), batch = number("batch", max_batch);
  const type = make("select", { id: "cache-type" }, Object.keys(cacheTypes).map((name) =>
    make("option", { selected: name === dtype ? "" : null }, name)));
  const result = make("output", { id: "cache-bytes", for: "context batch cache-type" }), table = make("div");
  const contexts = [512, 2048, 4096, 8192, 32768, 131072], batches = [1, 4, 16, 64, 256];
  const update = () => {
    const values = [context, batch].map((input) => Number(input.value));
    if (!values.every((value) => Number.isInteger(value) && value > 0)) {
      result.textContent = "Give whole numbers from 1.";
      return;
    }
    const bytes = cacheBytes(values[0], values[1], type.value), all = bytes + data.memory.weights.bytes;
    result.textContent = `${binaryBytes(bytes)} of cache; with weights ${binaryBytes(all)}`;
    table.replaceChildren(makeTable(["positions \\ sequences", ...batches.map(String)], contexts.map((length) =>
      [String(length), ...batches.map((each) => binaryBytes(cacheBytes(length, each, type.value)))]), 1));
  };
  [context, batch, type].forEach((input) => input.addEventListener("input", update));
  byId("calculator").replaceChildren(
    make("div", { class: "controls" }, [make("label", {}, ["Positions of a sequence ", context]),
      make("label", {}, ["Sequences ", batch]), make("label", {}, ["Type ", type])]),
    make("p", {}, result),
    make("p", { class: "note" }, `2 (keys and values) x ${layers} layers x ${kv_heads} KV heads x ${head_dim} numbers x bytes of the ` +
      `type; sequences take whole pages of ${page} positions. This plan has room for ${max_batch} sequences of ${max_seq} in ${dtype}.`),
    table);
  update();
}
