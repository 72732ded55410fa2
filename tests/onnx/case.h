/* A case of ONNX's tests, as convert.py writes it: a program of nodes on tensors of a file. */
#ifndef TL_ONNX_CASE_H
#define TL_ONNX_CASE_H

#include "safetensors.h"
#include "tulle.h"

enum { ONNX_VALUES = 64, ONNX_ARGUMENTS = 16, ONNX_OWNED = 16 };

/* A tensor of the file, a result, or both: what is computed is then expected to be as in the file. */
typedef struct onnx_value {
    const char *name;
    const tl_safetensor *tensor; /* NULL if the file does not have it */
    tl_node *node;               /* NULL until it is used or computed */
} onnx_value;

typedef struct onnx_case {
    tl_safetensors *file;
    const char *name;
    tl_graph *graph;
    onnx_value value[ONNX_VALUES];
    int n_values;
    char reason[160]; /* why the case cannot be run; "" if it can */

    /* The node that is being run. */
    const char *op;
    char *attribute[ONNX_ARGUMENTS]; /* "key=value", or "key=1,2,3" */
    onnx_value *in[ONNX_ARGUMENTS];  /* NULL: absent */
    onnx_value *out[ONNX_ARGUMENTS]; /* NULL: not asked for */
    int n_attributes, n_in, n_out;

    tl_variable *owned[ONNX_OWNED]; /* freed after the case */
    int n_owned;
} onnx_case;

/* An operator of ONNX, and one of the functions that compute it. `run` returns the first result and sets the
 * others; it returns NULL for a call that is not supported, or after an error in the graph. */
typedef struct onnx_op {
    const char *name;
    tl_node *(*unary)(tl_node *a);
    tl_node *(*binary)(tl_node *a, tl_node *b);
    tl_node *(*run)(onnx_case *c);
} onnx_op;

/* Lists that end in an entry without a name. */
extern const onnx_op onnx_elementwise[], onnx_layers[], onnx_losses[], onnx_moves[], onnx_recurrent[],
    onnx_reductions[], onnx_steps[], onnx_windows[];

/* Return input k of the node: as a node, NULL if it is absent; as it is in the file, NULL if it is not. */
tl_node *onnx_in(onnx_case *c, int k);
const tl_safetensor *onnx_tensor(const onnx_case *c, int k);

/* Return whether the case has integers, not reals, as input k; and those, for labels and indices, in memory
 * of the caller's, to be freed. */
bool onnx_is_integer(const onnx_case *c, int k);
int32_t *onnx_integers(onnx_case *c, int k);

/* Sets result k of the node. */
void onnx_set(onnx_case *c, int k, tl_node *y);

/* Return attributes, and what is in their place if the node has none of this name. */
bool onnx_has(const onnx_case *c, const char *key);
bool onnx_is(const onnx_case *c, const char *key, const char *value);
double onnx_real(const onnx_case *c, const char *key, double otherwise);
int64_t onnx_integer(const onnx_case *c, const char *key, int64_t otherwise);

/* Copies a list of at most 2 TL_MAX_RANK integers, and returns their number: 0 if there is none. */
int32_t onnx_list(const onnx_case *c, const char *key, int64_t *to);

/* Returns an axis in 0..rank-1 for one that may be counted from the last. */
int32_t onnx_axis(int64_t axis, int32_t rank);

/* Returns a with two axes exchanged. */
tl_node *onnx_exchange(tl_node *a, int32_t one, int32_t other);

/* Says why this call is not supported, and returns NULL. */
tl_node *onnx_refuse(onnx_case *c, const char *reason);

/* Returns a variable with these values, which the case frees. */
tl_variable *onnx_own(onnx_case *c, tl_shape shape, const tl_real *values);

#endif
