"""The few functions of the CUDA driver that launching a plan's kernels takes, as runtime/abi/CudaAbi.h says."""

import ctypes as c

import torch

from plan_reader import rows_of

_cuda = c.CDLL("libcuda.so.1")
_cuda.cuGetErrorString.argtypes = [c.c_int, c.POINTER(c.c_char_p)]

MAX_DYNAMIC_SHARED_BYTES, LOCAL_BYTES, REGISTERS = 8, 3, 4  # CUfunction_attribute
PROGRAMMATIC_STREAM_SERIALIZATION = 6  # CUlaunchAttributeID
JIT_ERROR_LOG, JIT_ERROR_LOG_SIZE = 5, 6  # CUjit_option
TENSOR_MAP_TYPES = {"f16": (6, 2), "f32": (7, 4), "bf16": (9, 2), "i32": (3, 4)}  # CUtensorMapDataType, bytes


def check(status, what):
    if status:
        text = c.c_char_p()
        _cuda.cuGetErrorString(status, c.byref(text))
        raise RuntimeError(f"{what}: {(text.value or b'unknown error').decode()} ({status})")


class _Attribute(c.Structure):
    _fields_ = [("id", c.c_int), ("pad", c.c_int), ("value", c.c_int), ("rest", c.c_byte * 60)]


class _LaunchConfig(c.Structure):
    _fields_ = [("grid", c.c_uint * 3), ("block", c.c_uint * 3), ("shared", c.c_uint), ("stream", c.c_void_p),
                ("attributes", c.POINTER(_Attribute)), ("count", c.c_uint)]


class Code:
    """Modules of one variant: cubins, or PTX that the driver assembles."""

    def __init__(self, modules):
        torch.zeros(1, device="cuda")  # makes PyTorch's context the current one
        self.modules = [self._load(module) for module in modules]

    @staticmethod
    def _load(code):
        handle = c.c_void_p()
        log = c.create_string_buffer(65536)
        options = (c.c_int * 2)(JIT_ERROR_LOG, JIT_ERROR_LOG_SIZE)
        values = (c.c_void_p * 2)(c.addressof(log), len(log))
        data = c.create_string_buffer(code)  # ends in 0, as PTX must
        status = _cuda.cuModuleLoadDataEx(c.byref(handle), data, c.c_uint(2), options, values)
        check(status, f"loading code {log.value.decode(errors='replace')[:2000]}")
        return handle

    def function(self, symbol):
        handle = c.c_void_p()
        for module in self.modules:
            if _cuda.cuModuleGetFunction(c.byref(handle), module, symbol.encode()) == 0:
                return handle
        raise RuntimeError(f"no module has entry {symbol}")


def attribute(function, which):
    value = c.c_int()
    check(_cuda.cuFuncGetAttribute(c.byref(value), c.c_int(which), function), "cuFuncGetAttribute")
    return value.value


class Entry:
    """One entry with its grid; `launch` puts it on a stream."""

    def __init__(self, code, entry):
        self.info = entry
        self.function = code.function(entry["symbol"])
        self.registers = attribute(self.function, REGISTERS)
        self.local_bytes = attribute(self.function, LOCAL_BYTES)
        shared = entry["shared_bytes"]
        check(_cuda.cuFuncSetAttribute(self.function, c.c_int(MAX_DYNAMIC_SHARED_BYTES), c.c_int(shared)),
              f"{shared} bytes of shared memory for {entry['symbol']}")
        self.resident = self._resident() if entry["persistent"] else 0

    def _resident(self):
        """Blocks that run at once, in whole clusters."""
        count, cluster = c.c_int(), self.info["cluster"]
        threads, shared = self.info["threads"], self.info["shared_bytes"]
        if cluster > 1:
            config = _LaunchConfig((cluster, 1, 1), (threads, 1, 1), shared, None, None, 0)
            check(_cuda.cuOccupancyMaxActiveClusters(c.byref(count), self.function, c.byref(config)), "clusters")
            blocks = count.value * cluster
        else:
            check(_cuda.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                c.byref(count), self.function, c.c_int(threads), c.c_size_t(shared)), "occupancy")
            blocks = count.value * torch.cuda.get_device_properties(0).multi_processor_count
        if not blocks:
            raise RuntimeError(f"{self.info['symbol']}: no block of it fits on a multiprocessor")
        return blocks

    def grid(self, dims):
        rows = rows_of(self.info["rows"], dims)
        groups = -(-rows // self.info["rows_per_block"])
        if self.info["persistent"]:
            return min(self.resident, self.info["fixed"] * groups), 1
        return self.info["fixed"], groups

    def prepare(self, pointers, dims):
        """The parameters of one launch, kept so that launching costs little."""
        values = [c.c_uint64(pointer) for pointer in pointers] + [c.c_int32(dim) for dim in dims]
        values += [tensor_map(spec, pointers[spec["pointer"]]) for spec in self.info["tensor_maps"]]
        array = (c.c_void_p * len(values))(*[c.addressof(value) for value in values])
        return values, array, self.grid(dims)

    def launch(self, prepared, stream, dependent):
        _, array, grid = prepared
        if 0 in grid:  # a step without rows of this kind
            return
        attributes = _Attribute(PROGRAMMATIC_STREAM_SERIALIZATION, 0, 1)
        config = _LaunchConfig((*grid, 1), (self.info["threads"], 1, 1), self.info["shared_bytes"], stream,
                               c.pointer(attributes), 1 if dependent else 0)
        check(_cuda.cuLaunchKernelEx(c.byref(config), self.function, array, None), self.info["symbol"])


def launch_raw(function, grid, threads, stream, values):
    """A service kernel: any parameters."""
    array = (c.c_void_p * len(values))(*[c.addressof(value) for value in values])
    config = _LaunchConfig((*grid, 1), (threads, 1, 1), 0, stream, None, 0)
    check(_cuda.cuLaunchKernelEx(c.byref(config), function, array, None), "service kernel")


def tensor_map(spec, address):
    kind, size = TENSOR_MAP_TYPES[spec["dtype"]]
    storage = (c.c_byte * 192)()
    aligned = (c.c_byte * 128).from_buffer(storage, -c.addressof(storage) % 64)
    no_interleave, swizzle_128b, l2_128b, zeros = 0, 3, 2, 0
    check(_cuda.cuTensorMapEncodeTiled(
        aligned, c.c_int(kind), c.c_uint32(2), c.c_void_p(address), (c.c_uint64 * 2)(spec["columns"], spec["rows"]),
        (c.c_uint64 * 1)(spec["columns"] * size), (c.c_uint32 * 2)(spec["box_columns"], spec["box_rows"]),
        (c.c_uint32 * 2)(1, 1), c.c_int(no_interleave), c.c_int(swizzle_128b), c.c_int(l2_128b), c.c_int(zeros)),
        f"tensor map {spec}")
    return aligned


class Graph:
    """Launches captured from a stream."""

    def __init__(self, stream, record):
        graph = c.c_void_p()
        self.executable, self.stream = c.c_void_p(), stream
        check(_cuda.cuStreamBeginCapture_v2(c.c_void_p(stream), c.c_int(2)), "capture")
        try:
            record()
        finally:
            status = _cuda.cuStreamEndCapture(c.c_void_p(stream), c.byref(graph))
        check(status, "capture")
        check(_cuda.cuGraphInstantiateWithFlags(c.byref(self.executable), graph, c.c_uint64(0)), "graph")
        _cuda.cuGraphDestroy(graph)

    def replay(self):
        check(_cuda.cuGraphLaunch(self.executable, c.c_void_p(self.stream)), "graph launch")

    def close(self):
        _cuda.cuGraphExecDestroy(self.executable)
