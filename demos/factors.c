/* The tables, and their steps. */
#include "factors.h"
#include "demo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const factors_modes[MODES + 1] = { "exact", "dense", "lazy", NULL };

static bool set_decay(tl_optimizer *o, tl_variable *v, double decay)
{
    tl_optimizer_options own = tl_optimizer_options_for(o, v);
    own.weight_decay = decay;
    return tl_optimizer_set_options_for(o, v, own) == TL_OK;
}

bool factors_make(factors *m, const factors_options *o, const ratings *r, int mode, uint64_t seed)
{
    static const char *const names[] = { "person_bias", "film_bias", "person_factors", "film_factors" };
    const int64_t steps = o->epochs * ((r->n_train + o->batch - 1) / o->batch);
    *m = (factors){
        .o = o, .mode = mode, .mean = mean_rating(r), .course = { .steps = steps }, .rng = { .seed = seed }
    };
    for (int k = 0; k < TABLES; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s/%s", factors_modes[mode], names[k]);
        const int64_t rows = k % 2 == 0 ? r->n_people : r->n_films;
        m->table[k] = tl_variable_dense(name, k < PERSON_FACTORS ? TL_SHAPE(rows) : TL_SHAPE(rows, o->rank));
        if (!m->table[k] ||
            (k >= PERSON_FACTORS && tl_init_normal(m->table[k], 0, (tl_real)0.1, &m->rng) != TL_OK) ||
            (mode == DENSE &&
             !(m->gradient[k] = allocate(tl_variable_size(m->table[k]), sizeof *m->gradient[k]))))
            return false;
    }
    m->adam = tl_adam((tl_adam_options){ .learning_rate = o->learning_rate,
                                         .weight_decay = o->decay,
                                         .decoupled = true,
                                         .rows = mode == LAZY ? TL_ROWS_LAZY : TL_ROWS_EXACT });
    return m->adam && (m->graph = tl_graph_new()) && (m->order = allocate(r->n_train, sizeof *m->order)) &&
           (m->person = allocate(o->batch, sizeof *m->person)) &&
           (m->film = allocate(o->batch, sizeof *m->film)) &&
           (m->rating = allocate(o->batch, sizeof *m->rating)) &&
           set_decay(m->adam, m->table[PERSON_BIAS], o->bias_decay) &&
           set_decay(m->adam, m->table[FILM_BIAS], o->bias_decay) &&
           tl_optimizer_set_schedule(m->adam, tl_schedule_cosine, &m->course) == TL_OK;
}

void factors_free(factors *m)
{
    tl_graph_free(m->graph);
    free(m->order);
    free(m->person);
    free(m->film);
    free(m->rating);
    tl_optimizer_free(m->adam);
    for (int k = 0; k < TABLES; k++) {
        tl_variable_free(m->table[k]);
        free(m->gradient[k]);
    }
}

bool factors_keep(factors *m, tl_checkpoint *c)
{
    const char *name = factors_modes[m->mode];
    char other[32];
    snprintf(other, sizeof other, "%s/rmse", name);
    bool ok = tl_checkpoint_add_optimizer(c, name, m->adam) == TL_OK &&
              tl_checkpoint_add_random(c, name, &m->rng) == TL_OK &&
              tl_checkpoint_add_integer(c, name, &m->epoch) == TL_OK &&
              tl_checkpoint_add_number(c, name, &m->seconds) == TL_OK &&
              tl_checkpoint_add_number(c, other, &m->rmse) == TL_OK;
    for (int k = 0; ok && k < TABLES; k++)
        ok = tl_checkpoint_add_variable(c, m->table[k]) == TL_OK;
    return ok;
}

/* ---- The model ---- */

tl_node *factors_expected(tl_graph *g, const factors *m, const int32_t *person, const int32_t *film,
                          int64_t n)
{
    tl_node *row[TABLES];
    for (int k = 0; k < TABLES; k++)
        row[k] = tl_embedding_lookup(tl_use(g, m->table[k]), k % 2 == 0 ? person : film, TL_SHAPE(n));
    tl_node *product = tl_reduce_sum(tl_mul(row[PERSON_FACTORS], row[FILM_FACTORS]), 1);
    return tl_add(product, tl_add(row[PERSON_BIAS], row[FILM_BIAS]));
}

/* ---- Training ---- */

/* Adds the rows of a gradient to a dense one, or clears them there. */
static void scatter(const tl_gradient *from, tl_real *to, bool clear)
{
    const int64_t width = from->n_rows > 0 ? tl_gradient_size(from) / from->n_rows : 0;
    for (int64_t k = 0; k < from->n_rows; k++) {
        tl_real *row = to + from->rows[k] * width;
        if (clear)
            memset(row, 0, (size_t)width * sizeof *row);
        else
            memcpy(row, from->values + k * width, (size_t)width * sizeof *row);
    }
}

static tl_node *loss_of(void *context, samples s)
{
    const factors *m = context;
    tl_node *y = factors_expected(m->graph, m, m->person + s.first, m->film + s.first, s.n);
    return tl_mse(y, tl_input(m->graph, TL_SHAPE(s.n), m->rating + s.first));
}

/* Applies gradients as dense ones, which are zeros in all other rows. */
static bool apply_densely(factors *m, const tl_gradients *by_rows)
{
    tl_gradients dense = *by_rows;
    tl_gradient pair[TABLES];
    int table[TABLES];
    dense.pair = pair;
    for (int k = 0; k < dense.n; k++) {
        const tl_gradient *from = &by_rows->pair[k];
        table[k] = 0;
        while (m->table[table[k]] != from->variable)
            table[k]++;
        scatter(from, m->gradient[table[k]], false);
        pair[k] = (tl_gradient){ .variable = from->variable, .values = m->gradient[table[k]] };
    }
    const bool ok = tl_apply_gradients(m->adam, &dense) == TL_OK;
    for (int k = 0; k < dense.n; k++)
        scatter(&by_rows->pair[k], m->gradient[table[k]], true);
    return ok;
}

static bool step(factors *m, ranks *by, int64_t n)
{
    tl_gradients rows;
    double loss;
    if (m->mode != DENSE)
        return ranks_minimize(by, m->adam, m->graph, n, loss_of, m, &loss);
    const bool ok = ranks_gradients(by, m->graph, n, loss_of, m, &rows, &loss) && apply_densely(m, &rows);
    tl_graph_reset(m->graph);
    return ok;
}

bool factors_train_epoch(factors *m, const ratings *r, ranks *by)
{
    const double start = seconds();
    tl_random_permutation(&m->rng, (int32_t)r->n_train, m->order);
    for (int64_t first = 0; first < r->n_train; first += m->o->batch) {
        const int64_t n = r->n_train - first < m->o->batch ? r->n_train - first : m->o->batch;
        for (int64_t k = 0; k < n; k++) {
            const int32_t at = m->order[first + k];
            m->person[k] = r->person[at];
            m->film[k] = r->film[at];
            m->rating[k] = r->rating[at] - (tl_real)m->mean;
        }
        if (!step(m, by, n))
            return false;
    }
    const bool ok = tl_optimizer_flush(m->adam) == TL_OK; /* so that the time is that of all rows */
    m->seconds += seconds() - start;
    m->epoch++;
    return ok;
}

bool factors_test(factors *m, const ratings *r)
{
    const int64_t n = r->n - r->n_train;
    const tl_real *y = tl_value(
        factors_expected(m->graph, m, r->person + r->n_train, r->film + r->n_train, n));
    double sum = 0;
    if (!y)
        return graph_failed(m->graph);
    for (int64_t k = 0; k < n; k++)
        sum += pow((double)r->rating[r->n_train + k] - m->mean - (double)y[k], 2);
    m->rmse = sqrt(sum / (double)n);
    tl_graph_reset(m->graph);
    return true;
}
