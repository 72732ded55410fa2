/* Compares several ways to remove connections of a network during training, and counts those that come back.
 *
 * A network is trained dense, all but the largest weights of its hidden layers are removed, and training
 * continues. Every method repeats the dense phase with the same random numbers, so that all start from the
 * same weights and optimizer state, to the last bit. */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP = 10 };

typedef struct run {
    const options *o;
    const digits *d;
    const method *m;
    trainee t;
    tl_graph *graph;
    tl_random rng;
    tl_real *image; /* of a batch */
    int32_t *label;
    int32_t *order; /* of the training images in this epoch */
    double *ms;     /* of each step of this phase */
    int64_t steps;  /* in an epoch */
} run;

static void *allocate(int64_t n, size_t size)
{
    void *p = malloc((size_t)n * size);
    if (!p)
        tl_fail(TL_ERR_MEMORY, "out of memory");
    return p;
}

static void run_free(run *r)
{
    tl_graph_free(r->graph);
    trainee_free(&r->t);
    free(r->image);
    free(r->label);
    free(r->order);
    free(r->ms);
    *r = (run){ 0 };
}

static bool run_make(run *r, const options *o, const digits *d, const method *m)
{
    int64_t pixels = d->height * d->width, n = d->train.n, size[MAX_HIDDEN + 2] = { pixels };
    int64_t batch = o->batch < n ? o->batch : n;
    *r = (run){ .o = o, .d = d, .m = m, .rng = { .seed = o->seed }, .steps = (n + batch - 1) / batch };
    r->t.kind = o->optimizer;
    r->t.learning_rate = o->learning_rate;
    r->t.course = (course){ .schedule = o->schedule, .steps = 2 * o->epochs * r->steps };
    memcpy(size + 1, o->hidden, (size_t)o->n_hidden * sizeof *size);
    size[o->n_hidden + 1] = d->classes;
    return network_make(&r->t.net, o->n_hidden, size, &r->rng) &&
           (r->t.optimizer = make_optimizer(r->t.kind, r->t.learning_rate, &r->t.course)) &&
           (r->graph = tl_graph_new()) && (r->image = allocate(batch * pixels, sizeof *r->image)) &&
           (r->label = allocate(batch, sizeof *r->label)) && (r->order = allocate(n, sizeof *r->order)) &&
           (r->ms = allocate(o->epochs * r->steps, sizeof *r->ms));
}

/* ---- Training ---- */

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Gathers a batch of the images in the order of this epoch; returns their number. */
static int64_t gather_batch(run *r, int64_t step)
{
    int64_t first = step * r->o->batch, n = r->d->train.n - first;
    n = n < r->o->batch ? n : r->o->batch;
    digits_gather(r->d, r->order + first, n, r->image, r->label);
    return n;
}

static tl_node *batch_loss(run *r, int64_t n)
{
    return tl_softmax_cross_entropy(network_scores(r->graph, &r->t.net, r->image, n), r->label);
}

static bool train(run *r, const char *phase)
{
    double *ms = r->ms;
    for (int64_t epoch = 1; epoch <= r->o->epochs; epoch++) {
        double sum = 0;
        tl_random_permutation(&r->rng, (int32_t)r->d->train.n, r->order);
        for (int64_t step = 0; step < r->steps; step++) {
            int64_t n = gather_batch(r, step);
            double start = milliseconds();
            tl_node *loss = batch_loss(r, n);
            if (tl_minimize(r->t.optimizer, loss) != TL_OK)
                return graph_failed(r->graph);
            sum += (double)n * (double)tl_value(loss)[0];
            tl_graph_reset(r->graph);
            *ms++ = milliseconds() - start;
        }
        progress("%s: %s, epoch %" PRId64 " of %" PRId64 ", loss %.4f", r->m->name, phase, epoch,
                 r->o->epochs, sum / (double)r->d->train.n);
    }
    return true;
}

/* ---- Measuring ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Returns the median over the steps of the phase, without the first ones. */
static double median_ms(run *r)
{
    int64_t n = r->o->epochs * r->steps, skip = n > 2 * WARM_UP ? WARM_UP : n / 2;
    double *ms = r->ms + skip;
    n -= skip;
    qsort(ms, (size_t)n, sizeof *ms, ascending);
    return (ms[(n - 1) / 2] + ms[n / 2]) / 2;
}

static bool measure(run *r, result *out)
{
    out->ms_per_step = median_ms(r);
    out->bytes = network_bytes(&r->t.net) + tl_optimizer_bytes(r->t.optimizer);
    for (int l = 0; l < r->o->n_hidden && r->t.keep[l]; l++)
        out->pattern_bytes += tl_pattern_bytes(r->t.keep[l]);
    return network_accuracy(r->graph, &r->t.net, r->d, &out->accuracy) &&
           count_revived(&r->t, &out->revived, &out->removed);
}

/* ---- The program ---- */

static bool draw_step(run *r, FILE *dot)
{
    if (!batch_loss(r, gather_batch(r, 0)))
        return graph_failed(r->graph);
    bool ok = tl_graph_dot(r->graph, dot) == TL_OK;
    tl_graph_reset(r->graph);
    return ok;
}

/* Runs one method, from the initial weights to its results. `dot` is NULL except for the last method. */
static bool run_method(const options *o, const digits *d, const method *m, FILE *dot, result *out)
{
    run r;
    bool ok = run_make(&r, o, d, m) && train(&r, "dense");
    if (ok && m->remove)
        ok = choose_connections(&r.t, o->density) && m->remove(&r.t);
    ok = ok && train(&r, m->remove ? "pruned" : "continued") && measure(&r, out) &&
         (!dot || draw_step(&r, dot));
    run_free(&r);
    progress_clear();
    if (ok)
        print_row(m, out);
    return ok;
}

static bool run_all(const options *o, const digits *d, FILE *dot, result *results)
{
    int last = 0;
    for (int k = 0; k < N_METHODS; k++)
        last = o->method[k] ? k : last;
    print_head(o, d);
    for (int k = 0; k <= last; k++)
        if (o->method[k] && !run_method(o, d, &methods[k], k == last ? dot : NULL, &results[k]))
            return false;
    return true;
}

static bool compare_methods(const options *o, const digits *d)
{
    output json = { 0 }, csv = { 0 }, dot = { 0 }, table = { "standard output", stdout };
    result results[N_METHODS] = { 0 };
    bool ok = output_open(&json, o->json) && output_open(&csv, o->csv) && output_open(&dot, o->dot) &&
              run_all(o, d, dot.file, results);
    if (ok && json.file)
        write_json(json.file, o, d, results);
    if (ok && csv.file)
        write_csv(csv.file, o, results);
    output *const all[] = { &json, &csv, &dot, &table };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        ok = ok && output_close(all[k]); /* after a failure, whose message must stay, the exit closes them */
    return ok;
}

int main(int argc, char **argv)
{
    options o;
    digits d = { 0 };
    int status = 1;
    if (!options_read(&o, argc, argv, &status))
        return status;
    if ((o.threads < 0 || tl_set_num_threads((int)o.threads) == TL_OK) &&
        (o.data ? digits_read(&d, o.data) : digits_draw(&d)) && compare_methods(&o, &d))
        status = 0;
    else
        fprintf(stderr, "pruned_mlp: %s\n", tl_error());
    digits_free(&d);
    return status;
}
