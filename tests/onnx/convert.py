"""Turns ONNX's test cases of single operators into one file that the C runner reads.

The file is safetensors. A case CASE has a tensor CASE/NAME for each input that is not a parameter and for each expected
result, and the note CASE, a program with a line per node:

    ReduceSum axes=1,2 keepdims=0 : data > reduced

Parameters that newer operator sets pass as inputs (axes, shapes, bounds) are attributes here, as in older ones. What
can be computed from shapes and constants alone is computed here. The last line, `expect NAME...`, lists the results.
"""

import json
import os

import numpy
import onnx
from onnx import helper, numpy_helper

# The inputs that are parameters, by position.
PARAMETERS = {
    "Clip": {1: "min", 2: "max"},
    "CumSum": {1: "axis"},
    "Dropout": {1: "ratio", 2: "training_mode"},
    "Expand": {1: "shape"},
    "Pad": {1: "pads", 2: "value"},
    "ReduceSum": {1: "axes"},
    "Reshape": {1: "shape"},
    "Slice": {1: "starts", 2: "ends", 3: "axes", 4: "steps"},
    "Split": {1: "split"},
    "Squeeze": {1: "axes"},
    "Tile": {1: "repeats"},
    "Trilu": {1: "k"},
    "Unsqueeze": {1: "axes"},
}
FLOAT = onnx.TensorProto.FLOAT
LOSSES = ("nllloss", "sce")  # how the names of their cases begin, whose second input is the labels

# Attributes that a model lacks, though its results were computed with them.
LACKING = {"adam_multiple": " epsilon=0.01"}

KINDS = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}


# ---- What is known without running the model ----

def constant_of_shape(shape, value=None):
    return numpy.full(shape, 0 if value is None else value)


# Functions of arrays, for what a model computes from constants and shapes.
KNOWN = {
    "Add": numpy.add,
    "Cast": lambda a, to: a,
    "Concat": lambda *arrays, axis: numpy.concatenate(arrays, axis),
    "Constant": lambda value: value,
    "ConstantOfShape": constant_of_shape,
    "Neg": numpy.negative,
    "Size": lambda a: numpy.array(a.size),
    "Slice": lambda a, begin, end: a[int(begin[0]):int(end[0])],
    "Sub": numpy.subtract,
}


def attributes(node):
    """The attributes, tensors as arrays."""
    found = {}
    for each in node.attribute:
        value = helper.get_attribute_value(each)
        found[each.name] = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
    return found


def fold(graph, inputs):
    """Returns what is known by name, and the nodes that are left."""
    known, left = {}, []
    for node in graph.node:
        if len(graph.node) > 1 and node.op_type == "Shape" and node.input[0] in inputs:
            known[node.output[0]] = numpy.array(inputs[node.input[0]].shape)
        elif len(graph.node) > 1 and node.op_type in KNOWN and all(name in known for name in node.input):
            known[node.output[0]] = KNOWN[node.op_type](*[known[name] for name in node.input], **attributes(node))
        else:
            left.append(node)
    return known, left


# ---- Programs ----

def text_of(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, str):
        return value
    return ",".join("%.17g" % number for number in numpy.ravel(value).tolist())


def op_of(node, graph):
    """The op of a node: a cast in a longer model, where all is float, leaves its input as it is."""
    same = node.op_type == "Cast" and len(graph.node) > 1 and attributes(node)["to"] == FLOAT
    return "Identity" if same else node.op_type


class Program:
    """The lines of a model, and the tensors that they read."""

    def __init__(self, graph, inputs, lacking):
        self.graph, self.inputs = graph, inputs
        self.known, self.nodes = fold(graph, inputs)
        self.short = {name: name for name in inputs}
        self.short.update((result.name, result.name) for result in graph.output)
        self.read = set()
        self.lacking = lacking

    def ops(self):
        return [op_of(node, self.graph) for node in self.nodes]

    def name(self, name):
        if name == "":
            return "-"
        return self.short.setdefault(name, "%%%d" % len(self.short))

    def value_of(self, name):
        return self.known[name] if name in self.known else self.inputs[name]

    def line(self, node):
        found, args = attributes(node), []
        parameters = dict(PARAMETERS.get(node.op_type, {}))
        if node.op_type == "Pow" and (node.input[1] in self.known or node.input[1] in self.inputs):
            if self.value_of(node.input[1]).size == 1:
                parameters[1] = "exponent"
        for k, name in enumerate(node.input):
            if k in parameters:
                if name:
                    found[parameters[k]] = self.value_of(name)
            else:
                if name:
                    self.read.add(name)
                args.append(self.name(name))
        texts = ["%s=%s" % (key, text_of(value)) for key, value in sorted(found.items())]
        results = [self.name(name) for name in node.output]
        return " ".join([op_of(node, self.graph) + self.lacking] + texts + [":"] + args + [">"] + results)

    def tensors(self):
        """By short name, after all lines."""
        given = sorted(name for name in self.read if name in self.known or name in self.inputs)
        return {self.name(name): self.value_of(name) for name in given}


# ---- Cases ----

def case_of(folder):
    return os.path.basename(folder)[len("test_"):]


def read_tensors(folder, kind, values):
    arrays = {}
    for k, value in enumerate(values):
        tensor = onnx.TensorProto()
        with open(os.path.join(folder, "%s_%d.pb" % (kind, k)), "rb") as file:
            tensor.ParseFromString(file.read())
        arrays[value.name] = numpy_helper.to_array(tensor)
    return arrays


def at_most_rank_4(inputs, results, labels):
    """Of a loss: what follows the first dimension after that of the classes becomes one with it."""
    for arrays in (inputs, results):
        for name, array in arrays.items():
            keep = 2 if array.shape == labels.shape else 3
            if array.ndim > keep + 1:
                arrays[name] = array.reshape(array.shape[:keep] + (-1,))


def foreign(ops, ours):
    """Why a case is not run, if one of its ops is none of ours."""
    names = sorted(set(ops) - ours)
    if names:
        return "%s %s of ours" % (", ".join(names), "is not an op" if len(names) == 1 else "are not ops")
    return None


def convert(folder, ours):
    """Returns a program, its tensors and None, or nothing and the reason why there is none."""
    graph = onnx.load(os.path.join(folder, "model.onnx")).graph
    ops = [node.op_type for node in graph.node]
    reason = foreign(ops if len(ops) == 1 else set(ops) - set(KNOWN) - {"Shape"}, ours)
    if reason is None and not all(value.type.HasField("tensor_type") for value in [*graph.input, *graph.output]):
        reason = "a value is not a tensor"
    if reason:
        return None, None, reason
    data = os.path.join(folder, "test_data_set_0")
    inputs, results = read_tensors(data, "input", graph.input), read_tensors(data, "output", graph.output)
    if case_of(folder).startswith(LOSSES):
        at_most_rank_4(inputs, results, inputs[graph.input[1].name])
    program = Program(graph, inputs, LACKING.get(case_of(folder), ""))
    reason = foreign(program.ops(), ours)
    if reason is None and max(array.ndim for array in [*inputs.values(), *results.values()]) > 4:
        reason = "a tensor has more than 4 dimensions"
    if reason:
        return None, None, reason
    lines = [program.line(node) for node in program.nodes] + ["expect " + " ".join(results)]
    return "\n".join(lines), {**program.tensors(), **results}, None


def write(path, folders, ours):
    """Writes all cases that can be run, and returns the reasons why others cannot, by name."""
    header, data, at, reasons = {"__metadata__": {}}, [], 0, {}
    tensors = []
    for folder in folders:
        case = case_of(folder)
        text, arrays, reason = convert(folder, ours)
        if reason:
            reasons[case] = reason
            continue
        header["__metadata__"][case] = text
        tensors += [(case + "/" + name, numpy.asarray(array)) for name, array in arrays.items()]
    for name, array in sorted(tensors, key=lambda tensor: -tensor[1].itemsize):  # aligned
        array = array.astype(array.dtype.newbyteorder("<"))
        end = at + array.nbytes
        header[name] = {"dtype": KINDS[array.dtype.name], "shape": list(array.shape), "data_offsets": [at, end]}
        data.append(array.tobytes())
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(data))
    return reasons
