"""Kernels of a CPU plan, as runtime/core/KernelAbi.h says: with them the references are checked where no GPU is."""

import ctypes as c
import tempfile


class Module:
    def __init__(self, code, form):
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(code)
            file.flush()
            self.library = c.CDLL(file.name)


class Entry:
    registers = local_bytes = 0

    def __init__(self, module, entry):
        self.info = entry
        self.function = module.library[entry["symbol"]]

    def prepare(self, pointers, dims):
        rows = {"one": 1, "tokens": dims[0], "outputs": dims[1]}[self.info["rows"]]
        blocks = self.info["fixed"] * -(-rows // self.info["rows_per_block"])
        return (c.c_void_p * len(pointers))(*pointers), (c.c_int64 * 3)(*dims), blocks

    def launch(self, prepared, stream, dependent):
        buffers, dims, blocks = prepared
        scratch = (c.c_byte * (1 << 22))()
        aligned = c.c_void_p(c.addressof(scratch) + -c.addressof(scratch) % 64)
        self.function(buffers, dims, c.c_int64(0), c.c_int64(blocks), aligned)
