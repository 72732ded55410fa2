/* checkpoint_files save FILE: writes a checkpoint of a sparse variable, a masked one, their average and an
 * optimizer. checkpoint_files load FILE: reads the variables as weights, and fails unless all of them are
 * as they were saved. */
#include <stdio.h>
#include <string.h>
#include <tulle/tulle.h>

typedef struct model {
    tl_variable *sparse, *masked, *both[2];
    tl_optimizer *optimizer;
    tl_ema *ema;
} model;

static bool train(model *m)
{
    tl_pattern *p = tl_pattern_random(6, 5, 0.4, 1), *mask = tl_pattern_random(5, 3, 0.5, 2);
    tl_random rng = { .seed = 3 };
    m->both[0] = m->sparse = tl_variable_sparse("layer1/w", p);
    m->both[1] = m->masked = tl_variable_dense("layer2/w", TL_SHAPE(5, 3));
    m->optimizer = tl_adam((tl_adam_options){ 0 });
    m->ema = tl_ema_new((tl_ema_options){ .decay = 0.9 });
    tl_ema_add(m->ema, m->sparse);
    tl_ema_add(m->ema, m->masked);
    tl_init_normal(m->sparse, 0, 1, &rng);
    tl_init_normal(m->masked, 0, 1, &rng);
    tl_variable_set_mask(m->masked, mask);
    tl_pattern_release(p);
    tl_pattern_release(mask);
    tl_graph *g = tl_graph_new();
    tl_real x[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    tl_node *h = tl_dense_sparse_matmul(tl_input(g, TL_SHAPE(2, 6), x), tl_use(g, m->sparse),
                                        TL_NO_TRANSPOSE);
    const bool ok = tl_minimize(m->optimizer,
                                tl_reduce_sum(tl_matmul(h, tl_use(g, m->masked)), TL_ALL_AXES)) == TL_OK &&
                    tl_ema_update(m->ema) == TL_OK;
    tl_graph_free(g);
    return ok;
}

static bool save(model *m, const char *path)
{
    int64_t epoch = 7;
    tl_checkpoint *c = tl_checkpoint_new();
    const bool ok = tl_checkpoint_add_variable(c, m->sparse) == TL_OK &&
                    tl_checkpoint_add_variable(c, m->masked) == TL_OK &&
                    tl_checkpoint_add_optimizer(c, "adam", m->optimizer) == TL_OK &&
                    tl_checkpoint_add_integer(c, "epoch", &epoch) == TL_OK &&
                    tl_checkpoint_save(c, path) == TL_OK;
    tl_checkpoint_free(c);
    return ok;
}

static bool load(model *m, const char *path)
{
    bool same = true;
    tl_real before[2][30];
    for (int k = 0; k < 2; k++) {
        const size_t bytes = (size_t)tl_variable_size(m->both[k]) * sizeof(tl_real);
        memcpy(before[k], tl_variable_data(m->both[k]), bytes);
        memset(tl_variable_data(m->both[k]), 0, bytes);
    }
    if (tl_weights_load(path, m->both, 2, NULL, NULL) != TL_OK)
        return false;
    for (int k = 0; k < 2; k++)
        same &= memcmp(before[k], tl_variable_data(m->both[k]),
                       (size_t)tl_variable_size(m->both[k]) * sizeof(tl_real)) == 0;
    if (!same)
        tl_fail(TL_ERR_NUMERIC, "the weights differ");
    return same;
}

int main(int argc, char **argv)
{
    model m = { 0 };
    const bool ok = argc == 3 && train(&m) && (strcmp(argv[1], "save") == 0 ? save : load)(&m, argv[2]);
    if (!ok)
        fprintf(stderr, "checkpoint_files: %s\n", tl_error());
    tl_ema_free(m.ema);
    tl_optimizer_free(m.optimizer);
    tl_variable_free(m.sparse);
    tl_variable_free(m.masked);
    return !ok;
}
