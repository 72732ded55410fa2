/* The training of a perceptron by any method, and the count of what comes back. */
#include "trainee.h"
#include "demo.h"
#include "pass.h"

double learning_rate_of(const trainee_options *o)
{
    return o->learning_rate > 0 ? o->learning_rate : optimizers[o->optimizer].learning_rate;
}

int64_t epochs_of(const trainee_options *o)
{
    return 2 * o->epochs;
}

bool trainee_make(trainee *t, const method *m, const trainee_options *o, const digits *d, uint64_t seed)
{
    const int64_t steps = pass_steps(d, o->batch), all = epochs_of(o) * steps;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s/", m->name);
    *t = (trainee){ .method = m, .o = o, .d = d, .rng = { .seed = seed } };
    t->course = (course){ .schedule = &schedules[o->schedule], .steps = all };
    t->plan = o->gradual ? (pruning){ o->density, all / 4, all - all / 4, (steps + 3) / 4 }
                         : (pruning){ o->density, all / 2, all / 2, 1 };
    return network_make(&t->net, prefix, &o->hidden, d, NULL, &t->rng) &&
           (t->optimizer = make_optimizer(&optimizers[o->optimizer], learning_rate_of(o), &t->course)) &&
           (!m->prepare || m->prepare(t));
}

void trainee_free(trainee *t)
{
    tl_optimizer_free(t->optimizer);
    network_free(&t->net);
    for (int l = 0; l < MAX_HIDDEN; l++)
        tl_variable_free(t->kept[l]);
}

bool trainee_keep(trainee *t, tl_checkpoint *c)
{
    const char *name = t->method->name;
    int64_t *const integer[] = { &t->epoch, &t->step, &t->pattern_bytes };
    double *const number[] = { &t->loss, &t->ms, &t->accuracy };
    bool ok = tl_checkpoint_add_optimizer(c, name, t->optimizer) == TL_OK &&
              tl_checkpoint_add_random(c, name, &t->rng) == TL_OK &&
              keep_values(c, name, 3, integer, 3, number);
    for (int l = 0; ok && l <= t->net.n_hidden; l++)
        ok = tl_checkpoint_add_variable(c, t->net.weight[l]) == TL_OK &&
             tl_checkpoint_add_variable(c, t->net.bias[l]) == TL_OK &&
             (l == t->net.n_hidden || !t->kept[l] || tl_checkpoint_add_variable(c, t->kept[l]) == TL_OK);
    return ok;
}

/* ---- Removed weights that are not zero ---- */

/* Counts the values of `data`, row-major, that are not zero off the pattern. */
static int64_t nonzero_off(const tl_pattern *keep, const tl_real *data)
{
    const int64_t *row_ptr = tl_pattern_row_ptr(keep);
    const int32_t *col = tl_pattern_col(keep);
    int64_t rows = tl_pattern_rows(keep), cols = tl_pattern_cols(keep), n = 0, e = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            bool kept = e < row_ptr[i + 1] && col[e] == j;
            e += kept;
            n += !kept && data[i * cols + j] != 0;
        }
    return n;
}

/* Returns the pattern of a layer's connections; NULL: all exist. */
static const tl_pattern *pattern_of(const trainee *t, int l)
{
    return tl_variable_pattern(t->kept[l] ? t->kept[l] : t->net.weight[l]);
}

removal count_removed(const trainee *t)
{
    removal r = { 0 };
    for (int l = 0; l < t->net.n_hidden; l++) {
        tl_variable *w = t->net.weight[l];
        const tl_pattern *keep = pattern_of(t, l);
        if (!keep)
            continue;
        r.removed += tl_shape_size(tl_variable_shape(w)) - tl_pattern_nnz(keep);
        r.revived += tl_variable_is_sparse(w) ? 0 : nonzero_off(keep, tl_variable_values(w));
    }
    return r;
}

/* ---- Training ---- */

typedef struct batch {
    const trainee *t;
    const pass *p;
} batch;

static tl_node *loss_of(void *context, samples s)
{
    const batch *b = context;
    const tl_real *image = b->p->image + s.first * b->t->d->height * b->t->d->width;
    return tl_softmax_cross_entropy(network_scores(b->p->graph, &b->t->net, image, s.n),
                                    b->p->label + s.first);
}

static bool step(trainee *t, pass *p, ranks *by)
{
    if (!pass_step_by(p, by, t->optimizer, loss_of, &(batch){ t, p }))
        return false;
    t->step++;
    return !t->method->remove || !pruning_is_due(&t->plan, t->step) ||
           t->method->remove(t, pruning_density(&t->plan, t->step));
}

bool trainee_broadcast(trainee *t, ranks *by)
{
    tl_variable *var[2 * (MAX_HIDDEN + 1)];
    return ranks_broadcast(by, var, network_variables(&t->net, var), t->optimizer);
}

bool trainee_train_epoch(trainee *t, ranks *by)
{
    pass p;
    bool ok = pass_begin(&p, t->d, t->o->batch, &t->rng);
    while (ok && pass_next(&p))
        ok = step(t, &p, by);
    if (ok) {
        t->epoch++;
        t->loss = pass_loss(&p);
        t->ms = pass_ms(&p);
        t->pattern_bytes = 0;
        for (int l = 0; l < t->net.n_hidden; l++)
            t->pattern_bytes += tl_pattern_bytes(pattern_of(t, l));
    }
    pass_free(&p);
    return ok && network_accuracy(&t->net, t->d, &t->accuracy);
}
