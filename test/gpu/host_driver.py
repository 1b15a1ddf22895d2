"""Kernels of a CPU plan, as runtime/abi/KernelAbi.h says: with them the references are checked where no GPU is."""

import ctypes as c
import tempfile

from plan_reader import rows_of


class Code:
    def __init__(self, modules):
        self.libraries = []
        for module in modules:
            with tempfile.NamedTemporaryFile(suffix=".so") as file:
                file.write(module)
                file.flush()
                self.libraries.append(c.CDLL(file.name))

    def function(self, symbol):
        return next(library[symbol] for library in self.libraries if hasattr(library, symbol))


class Entry:
    registers = local_bytes = 0

    def __init__(self, code, entry):
        self.info = entry
        self.function = code.function(entry["symbol"])

    def prepare(self, pointers, dims):
        rows = rows_of(self.info["rows"], dims)
        blocks = self.info["fixed"] * -(-rows // self.info["rows_per_block"])
        return (c.c_void_p * len(pointers))(*pointers), (c.c_int64 * 4)(*dims), blocks

    def launch(self, prepared, stream, dependent):
        buffers, dims, blocks = prepared
        scratch = (c.c_byte * (1 << 22))()
        aligned = c.c_void_p(c.addressof(scratch) + -c.addressof(scratch) % 64)
        self.function(buffers, dims, c.c_int64(0), c.c_int64(blocks), aligned)
