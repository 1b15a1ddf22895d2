//===- Passes.td - Passes from llama to llama --------------*- tablegen -*-===//
//
// The documentation of the passes is generated from this file. Their order is that of Pipelines.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_PASSES_TD
#define QUIPU_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandPass : Pass<"llama-expand", "::mlir::ModuleOp"> {
  let summary = "splits gated MLPs, the LM head and rotary embeddings into primitives";
  let description = [{
    Replaces `llama.gated_mlp` by `llama.linear` (gate, up, down) and `llama.gate`; `llama.lm_head` by
    `llama.gather_rows`, `llama.rms_norm` and `llama.linear`; and `llama.rotary` by `llama.rotate` with a table of
    cosines and sines. The table depends on the positions alone, so one `llama.rotary_table` at the head of the function
    serves every layer that has the same head size and the same rope.

    ```mlir
    %y = llama.gated_mlp %x, %g, %u, %d {activation = #llama.activation<silu>} : ... -> tensor<?x576xf32>
    // becomes
    %0 = llama.linear %x, %g : (...) -> tensor<?x1536xf32>
    %1 = llama.linear %x, %u : (...) -> tensor<?x1536xf32>
    %2 = llama.gate %0, %1 activation silu : (...) -> tensor<?x1536xbf16>
    %y = llama.linear %2, %d : (...) -> tensor<?x576xf32>
    ```
  }];
  let statistics = [Statistic<"numExpanded", "expanded", "Number of semantic ops expanded">];
}

def ShareKvHeadsPass : Pass<"llama-share-kv-heads", "::mlir::ModuleOp"> {
  let summary = "stores each key/value head once where a graph repeats them for its query heads";
  let description = [{
    A graph imported from a model that knows only multi-head attention repeats the key and value heads of a grouped-query
    model (`llama.repeat_kv`) before it appends them to a cache of as many heads as there are query heads. The pass drops
    the repetition, shrinks the cache to the real heads and lets `llama.attention` share them:

    ```mlir
    %k4 = llama.repeat_kv %k {headDim = 8 : i64, times = 2 : i64} : (tensor<?x16xf32>) -> tensor<?x32xf32>
    llama.kv_append %kv, %k4, %v4, ... : !llama.kv_layer<4 x 8 x f32, page = 32>, ...
    llama.attention %q, %kv, ... {numHeads = 4, numKvHeads = 4}
    // becomes
    llama.kv_append %kv, %k, %v, ... : !llama.kv_layer<2 x 8 x f32, page = 32>, ...
    llama.attention %q, %kv, ... {numHeads = 4, numKvHeads = 2}
    ```

    The repetition may lie before or after the rotary embedding. The type of the cache is that of all layers, so either
    every layer is rewritten or none; a remark says why a graph that repeats heads is left as it is.
  }];
  let statistics = [Statistic<"numShared", "shared", "Number of layers whose key/value heads are shared">];
}

def FuseQkvPass : Pass<"llama-fuse-qkv", "::mlir::ModuleOp"> {
  let summary = "joins the query, key and value projections of a layer into one";
  let description = [{
    Three `llama.linear` of one input whose results end in the query of an attention and in the keys and values appended
    to the same cache layer become one `llama.linear` and a `llama.split`, so that the input is read and normalised once
    and the grid of the kernel is larger. The fused weight `@layers.N.self_attn.qkv` lists the three tensors as its
    sources: the bytes are not touched at compile time. Biases are joined likewise.

    Projections whose element types differ, or of which only some have a bias, are left alone with a remark; each is then
    a kernel, and so are the rotations and the append.
  }];
  let statistics = [Statistic<"numFused", "fused", "Number of layers whose projections were joined">];
}

def FuseGateUpPass : Pass<"llama-fuse-gate-up", "::mlir::ModuleOp"> {
  let summary = "joins the gate and up projections of a gated MLP into one";
  let description = [{
    ```mlir
    %0 = llama.linear %x, %g : (...) -> tensor<?x1536xf32>
    %1 = llama.linear %x, %u : (...) -> tensor<?x1536xf32>
    %2 = llama.gate %0, %1 activation silu : (...) -> tensor<?x1536xbf16>
    // becomes
    %0 = llama.linear %x, %gu : (...) -> tensor<?x3072xf32>
    %2 = llama.gate %0 activation silu : (...) -> tensor<?x1536xbf16>
    ```

    The fused weight `@layers.N.mlp.gate_up` lists both tensors as its sources. Projections whose element types differ,
    or of which only one has a bias, are left alone with a remark; each is then a kernel, and so is the gate.
  }];
  let statistics = [Statistic<"numFused", "fused", "Number of gated MLPs whose projections were joined">];
}

def FormKernelsPass : Pass<"llama-form-kernels", "::mlir::ModuleOp"> {
  let summary = "groups ops into kernels and launches them";
  let description = [{
    Outlines every group *prologue* o *contraction* o *epilogue* of a program into a `llama.kernel` and replaces it by a
    `llama.launch`:

    - `llama.rms_norm`, and `llama.gather_rows` before it, go into the `llama.linear` that reads them; a norm with several
      readers is computed in each of them, which costs less than a round trip through memory;
    - `llama.split`, both `llama.rotate` and `llama.kv_append` go into the `llama.linear` of the fused QKV projection, all of
      them or none: queries and keys are turned by one table, in one layout and heads of one size, and nothing else reads
      them in between;
    - `llama.gate` of one operand goes into the `llama.linear` of the fused gate and up projection;
    - `llama.add` goes into the `llama.linear` whose result it adds;
    - every other op is a kernel of its own.

    Within a kernel all inputs are arguments, in the order of their first use; weights are values of `llama.weight_ref`
    and cache layers values of `llama.kv_layer`. Groups of equal structure (ops, attributes, types and data flow, without
    names and locations) of a program share one kernel, so the number of kernels does not depend on the number of layers. A kernel is
    named after its program and the place of its contraction (`@forward.qkv`, `@forward.o_proj`) or its op
    (`@forward.attention`).
  }];
  let statistics = [Statistic<"numKernels", "kernels", "Number of kernels">,
                    Statistic<"numLaunches", "launches", "Number of launches">];
}

def SpecializePass : Pass<"llama-specialize", "::mlir::ModuleOp"> {
  let summary = "makes a decode and a prefill program out of the imported one";
  let description = [{
    Clones the program of kind `forward`, with its kernels, into `@decode` for steps of 1 to `decode-rows` rows, where
    reading the weights dominates, and `@prefill` for steps of `decode-rows` + 1 to `prefill-rows` rows, where arithmetic
    dominates. Each then gets schedules of its own. The rows of a sequence start at a multiple of `row-align` in
    `@prefill`. Kernels are named after their program: `@decode.qkv`. The original is erased. No program takes more rows
    than the original; if none remain for it, `@prefill` is left out.

    `programs` asks for others instead, each `KIND:MIN-MAX` or `KIND:NAME:MIN-MAX`. The kind is `decode` or `prefill`; it
    is also the name where no name is given. The rows of a kind follow each other, as in
    `programs=decode:1-8,decode:decode64:9-64,prefill:65-512`. Those of `decode` begin at 1, those of `prefill` at the
    latest behind the last row of `decode`. Where both kinds take a number of rows, steps of one row for each sequence
    belong to `decode`.
  }];
  let options = [
    Option<"decodeRows", "decode-rows", "int64_t", /*default=*/"8", "Most rows of a step of the decode program">,
    Option<"prefillRows", "prefill-rows", "int64_t", /*default=*/"256", "Most rows of a step of the prefill program">,
    Option<"rowAlign", "row-align", "int64_t", /*default=*/"16",
           "Rows of a sequence start at a multiple of this in a prefill program">,
    ListOption<"programs", "programs", "std::string",
               "Programs to make instead of decode and prefill: KIND:MIN-MAX or KIND:NAME:MIN-MAX, ...">,
    Option<"page", "page", "int64_t", /*default=*/"0",
           "Positions in a page of the key/value cache; 0 keeps the number of the imported program">];
}

def SplitScoresPass : Pass<"llama-split-scores", "::mlir::ModuleOp"> {
  let summary = "makes programs that give probabilities of given tokens and no logits";
  let description = [{
    A program that gives `log_probs` beside other results becomes two: the program without them, and a program
    `@NAME_score` that gives them alone. The second one has a kernel of its own for the LM head, of which
    `llama.log_prob` is a part: it keeps a maximum and a sum of each part of a row, and stores no logits. All other
    kernels belong to both programs.

    Programs of other kinds than `kinds` lose the result. So do programs whose logits do not come from a kernel that
    ends in the product with the LM head's weight, or are no f32 of selected rows.

    ```mlir
    func.func @prefill(...) -> (tensor<?x49152xf32>, tensor<?xf32>) {
      ...
      %logits = llama.launch @prefill.lm_head(%x, %rows, %n, %w) : (...) -> tensor<?x49152xf32>
      %scores = llama.log_prob %logits, %targets : (tensor<?x49152xf32>, tensor<?xi32>) -> tensor<?xf32>
      return %logits, %scores : tensor<?x49152xf32>, tensor<?xf32>
    }
    // becomes @prefill without %scores, and
    func.func @prefill_score(...) -> tensor<?xf32> {
      ...
      %scores = llama.launch @prefill_score.lm_head(%x, %rows, %n, %w, %targets) : (...) -> tensor<?xf32>
      return %scores : tensor<?xf32>
    }
    ```
  }];
  let options = [
    Option<"kinds", "kinds", "std::string", /*default=*/"\"all\"",
           "Programs that are to score: all, prefill (of this kind alone) or none">];
  let statistics = [Statistic<"numSplit", "split", "Number of programs that were made">];
}

def FuseSamplePass : Pass<"llama-fuse-sample", "::mlir::ModuleOp"> {
  let summary = "lets the kernel of the logits choose the most likely token";
  let description = [{
    Moves a greedy `llama.sample` of a program into the kernel that computes its logits. The kernel then gives the logits
    and the tokens. While it computes logits it keeps the largest of each part, so nobody reads all of them again. A
    choice stays in the program if the kernel ends in something else than the product with the LM head's weight, if its
    logits are no f32 of selected rows, or if several launches share it.

    ```mlir
    %logits = llama.launch @decode.lm_head(%x, %rows, %n, %w) : (...) -> tensor<?x49152xf32>
    %ids = llama.sample %logits greedy : (tensor<?x49152xf32>) -> tensor<?xi32>
    // becomes
    %logits, %ids = llama.launch @decode.lm_head(%x, %rows, %n, %w) : (...) -> (tensor<?x49152xf32>, tensor<?xi32>)
    ```
  }];
  let options = [
    Option<"leave", "leave", "bool", /*default=*/"false",
           "Leave all choices in the program, for devices that have a service for them">];
  let statistics = [Statistic<"numFused", "fused", "Number of choices that became part of a kernel">];
}

def QuantizeActivationsPass : Pass<"llama-quantize-activations", "::mlir::ModuleOp"> {
  let summary = "rounds the inputs of products with weights in blocks to small integers";
  let description = [{
    Puts a `llama.quantize` in front of each `llama.linear` of a kernel whose weight lies in blocks. Code for such a kernel
    multiplies integers. Weights whose values are places in a table, those with a scale for more than `block` elements,
    and rows that are no whole blocks of `block` elements, are left alone.

    ```mlir
    %y = llama.linear %x, %w : (tensor<?x576xf32>, tensor<576x576x!llama.block<q8_0>>) -> tensor<?x576xf32>
    // becomes
    %q = llama.quantize %x {block = 32 : i64} : (tensor<?x576xf32>) -> tensor<?x576xf32>
    %y = llama.linear %q, %w : (tensor<?x576xf32>, tensor<576x576x!llama.block<q8_0>>) -> tensor<?x576xf32>
    ```
  }];
  let options = [
    Option<"block", "block", "int64_t", /*default=*/"32", "Elements that share a scale: a multiple of 32">,
    Option<"exact", "exact", "bool", /*default=*/"false", "Round nothing">];
  let statistics = [Statistic<"numQuantized", "quantized", "Number of kernels whose input is rounded">];
}

def PlanMemoryPass : Pass<"llama-plan-memory", "::mlir::ModuleOp"> {
  let summary = "gives the results and workspaces of all launches places in one arena";
  let description = [{
    Writes the `offsets` and `workspaceOffsets` of every `llama.launch` of a program and the attribute
    `llama.arena_bytes` of the program. A result lives from its launch to its last use, a workspace during its launch.
    Two values that live at the same time do not overlap. A result that the program returns lies in memory of the caller
    and gets the offset -1. Sizes are those for the program's greatest number of rows, rounded up to its row alignment and
    to the lanes of the layout.

    Values that are the same result or the same operand of launches of one kernel share a place where they do not live at
    the same time. The residual stream in front of every layer is an example. So layers of one shape are placed alike, and
    neither the arena nor the work of placing it grows with their number. The kernel's `overwrites` says that a result may
    overwrite an operand. Where its launch is the last use of the operand, the result lies in the operand's place. The
    largest value gets its place first, each value the lowest place that is free.
  }];
}

#endif // QUIPU_PASSES_PASSES_TD
