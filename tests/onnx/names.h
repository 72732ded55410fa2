/* The operators of ONNX that tulle's ops say they are (describe.h), checked by ONNX's cases. */
#ifndef TL_ONNX_NAMES_H
#define TL_ONNX_NAMES_H

#include "safetensors.h"
#include "tulle.h"

enum { ONNX_NAMES = 128 };

/* An op that was used, the operator that it says it is, and whether a case of that passed with it. */
typedef struct onnx_name {
    char op[40], stated[40];
    bool confirmed;
} onnx_name;

typedef struct onnx_names {
    onnx_name name[ONNX_NAMES];
    int n;
} onnx_names;

/* Adds the ops of a graph, whose case passed; `program` is the case's. */
void onnx_collect_names(onnx_names *names, const tl_graph *g, const char *program);

/* Prints a line per op that is not confirmed, though the file has cases of the operator, and returns their
 * number. */
int onnx_check_names(const onnx_names *names, const tl_safetensors *file);

#endif
