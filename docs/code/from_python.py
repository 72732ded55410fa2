"""Trains a sparse layer of tulle on arrays of NumPy."""
import ctypes
from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_void_p

import numpy

tulle = ctypes.CDLL('libtulle.so.0.2')
Schedule = ctypes.CFUNCTYPE(c_double, c_int64, c_double, c_void_p)  # tl_schedule


class Shape(Structure):  # tl_shape
    _fields_ = [('rank', c_int32), ('dim', c_int64 * 4)]


class AdamOptions(Structure):  # tl_adam_options: those of every optimizer, then its own
    _fields_ = [('learning_rate', c_double), ('weight_decay', c_double), ('decoupled', c_bool), ('rows', c_int),
                ('non_finite', c_int), ('per_weight_age', c_bool), ('common_reserved', c_double * 4),
                ('beta1', c_double), ('beta2', c_double), ('epsilon', c_double), ('amsgrad', c_bool),
                ('epsilon_hat', c_bool), ('reserved', c_double * 4)]


def shape(*dim):
    return Shape(len(dim), (c_int64 * 4)(*dim))


def check(result, function, arguments):
    failed = result != 0 if function.restype is c_int else not result
    if failed:
        raise RuntimeError(tulle.tl_error().decode())
    return result


# Declares a function of the headers. Its name is that of the symbol: `nm -D` lists them.
def declare(result, name, *arguments):
    function = getattr(tulle, name)
    function.restype, function.argtypes = result, arguments
    if result is not None:
        function.errcheck = check
    return function


def array(kind):
    return numpy.ctypeslib.ndpointer(kind, flags='C_CONTIGUOUS')


tulle.tl_error.restype = c_char_p
status, handle, real, reals = c_int, c_void_p, numpy.float32, POINTER(c_float)
pattern_from_csr = declare(handle, 'tl_pattern_from_csr', c_int64, c_int64, array(numpy.int64), array(numpy.int32))
pattern_release = declare(None, 'tl_pattern_release', handle)
variable_sparse = declare(handle, 'tl_variable_sparse_float', c_char_p, handle)
variable_values = declare(reals, 'tl_variable_values_float', handle)
variable_free = declare(None, 'tl_variable_free', handle)
graph_new = declare(handle, 'tl_graph_new_float')
graph_reset = declare(None, 'tl_graph_reset', handle)
graph_free = declare(None, 'tl_graph_free', handle)
use = declare(handle, 'tl_use', handle, handle)
constant = declare(handle, 'tl_input_float', handle, Shape, array(real))
value = declare(reals, 'tl_value_float', handle)
dense_sparse_matmul = declare(handle, 'tl_dense_sparse_matmul', handle, handle, c_int)
mse = declare(handle, 'tl_mse', handle, handle)
adam = declare(handle, 'tl_adam', AdamOptions)
set_schedule = declare(status, 'tl_optimizer_set_schedule', handle, Schedule, c_void_p)
minimize = declare(status, 'tl_minimize', handle, handle)
optimizer_free = declare(None, 'tl_optimizer_free', handle)

# Six inputs, four outputs, eight connections: the arrays of scipy.sparse.csr_matrix.
indptr = numpy.array([0, 2, 3, 4, 6, 7, 8], numpy.int64)
indices = numpy.array([0, 2, 1, 3, 0, 1, 2, 3], numpy.int32)
truth = numpy.zeros((6, 4), real)
truth[numpy.repeat(numpy.arange(6), numpy.diff(indptr)), indices] = [1, -2, 3, -4, 5, -6, 7, -8]
x = numpy.sin(numpy.arange(32 * 6) ** 2).reshape(32, 6).astype(real)
target = x @ truth

pattern = pattern_from_csr(6, 4, indptr, indices)
w = variable_sparse(b'w', pattern)
pattern_release(pattern)
optimizer = adam(AdamOptions(learning_rate=0.2))
decay = Schedule(lambda step, rate, context: rate * 0.995 ** step)
set_schedule(optimizer, decay, None)
graph = graph_new()

for step in range(301):
    y = dense_sparse_matmul(constant(graph, shape(32, 6), x), use(graph, w), 0)
    loss = mse(y, constant(graph, shape(32, 4), target))
    minimize(optimizer, loss)
    if step % 100 == 0:
        print('step %3d: loss %.3f' % (step, value(loss)[0]))
    graph_reset(graph)

weights = numpy.ctypeslib.as_array(variable_values(w), indices.shape).copy()
print(weights.round(2))

try:
    dense_sparse_matmul(constant(graph, shape(32, 4), target), use(graph, w), 0)
except RuntimeError as error:
    print(error)

graph_free(graph)
optimizer_free(optimizer)
variable_free(w)
