/* Checkpoints, and weights from them. An input has no checksums, which no mutation gets right: they are
 * added before it is loaded. */
#include "tests/fuzz/tensors.h"

const char *const tl_fuzz_words[] = { "\"dtype\":\"F64\"",
                                      "\"shape\":[2,2]",
                                      "crow_indices",
                                      "col_indices",
                                      "values",
                                      "mask.",
                                      "optimizer/",
                                      "slot0",
                                      "format_version",
                                      "},",
                                      "\"",
                                      ",",
                                      NULL };

enum { LISTED = 3 };

/* A run that made a step. */
typedef struct run {
    tl_pattern *pattern;
    tl_variable *variable[LISTED]; /* dense, sparse, masked */
    tl_optimizer *optimizer;
    tl_random rng;
    int64_t integer;
    tl_checkpoint *list;
} run;

static bool make_run(run *r)
{
    *r = (run){ .rng = { .seed = 1 }, .integer = 7, .pattern = tl_pattern_random(2, 3, 0.5, 1) };
    r->variable[0] = tl_variable_dense("w", TL_SHAPE(2, 3));
    r->variable[1] = tl_variable_sparse("s", r->pattern);
    r->variable[2] = tl_variable_dense("m", TL_SHAPE(2, 3));
    r->optimizer = tl_adam((tl_adam_options){ .learning_rate = 0.1 });
    r->list = tl_checkpoint_new();
    if (!r->pattern || !r->variable[0] || !r->variable[1] || !r->variable[2] || !r->optimizer || !r->list)
        return false;
    bool made = tl_variable_set_mask(r->variable[2], r->pattern) == TL_OK;
    for (int k = 0; k < LISTED; k++)
        made = made && tl_checkpoint_add_variable(r->list, r->variable[k]) == TL_OK;
    return made && tl_checkpoint_add_optimizer(r->list, "adam", r->optimizer) == TL_OK &&
           tl_checkpoint_add_random(r->list, "rng", &r->rng) == TL_OK &&
           tl_checkpoint_add_integer(r->list, "step", &r->integer) == TL_OK;
}

static void free_run(run *r)
{
    tl_checkpoint_free(r->list);
    tl_optimizer_free(r->optimizer);
    for (int k = 0; k < LISTED; k++)
        tl_variable_free(r->variable[k]);
    tl_pattern_release(r->pattern);
}

/* Minimises the mean of squares of all three, so that there are slots. */
static void step(run *r)
{
    tl_graph *g = tl_graph_new();
    tl_node *sum = NULL;
    for (int k = 0; k < LISTED; k++) {
        tl_node *use = tl_use(g, r->variable[k]);
        tl_node *x = k == 1 ? tl_sparse_to_dense(use, NULL) : use,
                *square = tl_reduce_mean(tl_mul(x, x), TL_ALL_AXES);
        sum = k == 0 ? square : tl_add(sum, square);
    }
    FUZZ_OK(tl_minimize(r->optimizer, sum));
    tl_graph_reset(g);
    tl_graph_free(g);
}

static tl_status add_checksums(const char *path, const char *copy)
{
    tl_safetensors s;
    tl_status status = tl_safetensors_read(path, &s);
    if (status == TL_OK)
        status = tl_safetensors_write(copy, &s);
    tl_safetensors_free(&s);
    return status;
}

/* A file of another list is an error of the caller's, here one of the file's. */
tl_status tl_fuzz_read(const char *path, const char *copy)
{
    run r;
    tl_status status = add_checksums(path, copy);
    if (status == TL_OK) {
        status = TL_ERR_MEMORY;
        if (make_run(&r)) {
            status = tl_checkpoint_load(r.list, copy);
            const tl_status weights = tl_weights_load(copy, r.variable, LISTED, NULL, NULL);
            status = weights == TL_ERR_MEMORY ? weights : status;
        }
        free_run(&r);
    }
    return status == TL_ERR_ARGUMENT ? TL_ERR_FORMAT : status;
}

bool tl_fuzz_seed(int k, const char *path)
{
    run r;
    if (k >= 2)
        return false;
    FUZZ_CHECK(make_run(&r));
    if (k > 0)
        step(&r);
    FUZZ_OK(tl_checkpoint_save(r.list, path));
    free_run(&r);
    tl_fuzz_strip(path);
    return true;
}
