/* The network: its variables, the forward pass, and the removal of weights. */
#include "cnn.h"
#include "accuracy.h"
#include "demo.h"
#include "network.h"
#include "pass.h"

#include <math.h>
#include <stdlib.h>

enum { KERNEL = 3, WINDOW = KERNEL * KERNEL };

/* Where the draws of training begin, so that they do not depend on those of the initialisation. */
static const uint64_t training_draws = (uint64_t)1 << 40;

/* ---- Variables ---- */

/* Makes a vector of equal values. */
static bool make_vector(tl_variable **v, const char *name, const char *what, int layer, int64_t n,
                        tl_real value)
{
    char text[64];
    snprintf(text, sizeof text, "%s/%s%d", name, what, layer + 1);
    return (*v = tl_variable_dense(text, TL_SHAPE(n))) && tl_init_constant(*v, value) == TL_OK;
}

/* The first filters, of which there are few, and all filters of a dense network are dense variables. */
static bool make_filters(cnn *m, int l, const char *name, tl_random *rng)
{
    block *b = &m->block[l];
    const int64_t n = m->o->filters.item[l];
    char text[64];
    snprintf(text, sizeof text, "%s/filters%d", name, l + 1);
    b->filters = !m->sparse || l == 0 ? tl_variable_dense(text, TL_SHAPE(n, b->channels, KERNEL, KERNEL))
                                      : sparse_full(text, n, b->channels * WINDOW);
    return b->filters && tl_init_he_rows(b->filters, rng) == TL_OK;
}

static bool make_weights(cnn *m, const char *name, tl_random *rng)
{
    char text[64];
    snprintf(text, sizeof text, "%s/weights", name);
    m->weights = !m->sparse ? tl_variable_dense(text, TL_SHAPE(m->features, m->d->classes))
                            : sparse_full(text, m->features, m->d->classes);
    return m->weights && tl_init_he(m->weights, rng) == TL_OK;
}

/* Halves the images after a block if enough of them is left for the blocks that follow. */
static bool make_variables(cnn *m, const char *name, tl_random *rng)
{
    int64_t height = m->d->height, width = m->d->width, channels = 1;
    for (int l = 0; l < m->n_blocks; l++) {
        block *b = &m->block[l];
        const int64_t n = m->o->filters.item[l], needed = (int64_t)2 << (m->n_blocks - l);
        b->channels = channels;
        b->halves = height >= needed && width >= needed;
        if (!make_filters(m, l, name, rng) || !make_vector(&b->gain, name, "gain", l, n, 1) ||
            !make_vector(&b->bias, name, "bias", l, n, 0) || !make_vector(&b->mean, name, "mean", l, n, 0) ||
            !make_vector(&b->variance, name, "variance", l, n, 1))
            return false;
        height /= b->halves ? 2 : 1;
        width /= b->halves ? 2 : 1;
        channels = n;
    }
    m->features = channels * height * width;
    return make_weights(m, name, rng) && make_vector(&m->bias, name, "bias", m->n_blocks, m->d->classes, 0);
}

/* Lists all variables, and returns their number. */
enum { MAX_VARIABLES = 5 * MAX_BLOCKS + 2 };
static int variables_of(const cnn *m, tl_variable *v[MAX_VARIABLES])
{
    int n = 0;
    for (int l = 0; l < m->n_blocks; l++) {
        const block *b = &m->block[l];
        tl_variable *const of_block[] = { b->filters, b->gain, b->bias, b->mean, b->variance };
        for (int k = 0; k < 5; k++)
            v[n++] = of_block[k];
    }
    v[n++] = m->weights;
    v[n++] = m->bias;
    return n;
}

/* Sums up what is stored for the variables, with their patterns and the optimizer's state. */
static int64_t bytes_of(const cnn *m)
{
    tl_variable *v[MAX_VARIABLES];
    const int n = variables_of(m, v);
    int64_t bytes = tl_optimizer_bytes(m->adam);
    for (int k = 0; k < n; k++)
        bytes += tl_variable_bytes(v[k]);
    return bytes;
}

/* ---- The forward pass ---- */

/* As long as all sparse filters exist they are expanded, as a dense convolution is faster then. It has the
 * bits of dense filters, and the gradient of what exists. */
static tl_node *convolve(tl_graph *g, const cnn *m, int l, tl_node *x)
{
    const block *b = &m->block[l];
    const tl_shape dense = TL_SHAPE(m->o->filters.item[l], b->channels, KERNEL, KERNEL);
    const tl_sparse_conv_options window = { .kernel = { KERNEL, KERNEL }, .padding = { 1, 1 } };
    tl_node *w = tl_use(g, b->filters);
    if (tl_variable_size(b->filters) < tl_shape_size(dense))
        return tl_sparse_conv2d(x, w, &window);
    if (tl_variable_is_sparse(b->filters))
        w = tl_reshape(tl_sparse_to_dense(w, NULL), dense);
    return tl_conv2d(x, w, &(tl_conv_options){ .padding = { 1, 1 } });
}

/* Returns the scores of n images. dropout = NULL: for the test, by the running moments. */
static tl_node *scores_of(tl_graph *g, const cnn *m, const tl_real *images, int64_t n, tl_random *dropout)
{
    tl_node *x = tl_input(g, TL_SHAPE(n, 1, m->d->height, m->d->width), images);
    for (int l = 0; l < m->n_blocks; l++) {
        const block *b = &m->block[l];
        const tl_batch_norm_options norm = { b->mean, b->variance, .training = dropout != NULL };
        x = tl_batch_norm(convolve(g, m, l, x), tl_use(g, b->gain), tl_use(g, b->bias), &norm);
        x = tl_relu(x);
        if (b->halves)
            x = tl_max_pool2d(x, &(tl_pool_options){ .window = { 2, 2 } });
    }
    x = tl_reshape(x, TL_SHAPE(n, m->features));
    if (dropout)
        x = tl_dropout(x, (tl_real)m->o->dropout, dropout);
    return tl_bias(product(g, x, m->weights, TL_NO_TRANSPOSE, true), tl_use(g, m->bias));
}

static tl_node *test_scores(tl_graph *g, const void *model, const tl_real *images, int64_t n)
{
    return scores_of(g, model, images, n, NULL);
}

bool cnn_test(cnn *m)
{
    return test_accuracy(m->d, test_scores, m, &m->accuracy);
}

/* ---- Removal ---- */

/* Returns the variables from which weights are removed, and their number: those that are sparse. */
static int sparse_variables(const cnn *m, tl_variable *v[MAX_BLOCKS + 1])
{
    int n = 0;
    for (int l = 0; l <= m->n_blocks; l++) {
        v[n] = l < m->n_blocks ? m->block[l].filters : m->weights;
        n += tl_variable_is_sparse(v[n]);
    }
    return n;
}

/* Keeps this part of all weights. As the first filters stay whole, that is a little less of the others, the
 * same part of each. */
static bool keep_largest(cnn *m, double density)
{
    tl_variable *v[MAX_BLOCKS + 1];
    const int n = sparse_variables(m, v);
    const double all = (double)m->all_weights, whole = (double)tl_variable_size(m->block[0].filters);
    const double part = fmax(0, (density * all - whole) / (all - whole));
    bool ok = true;
    for (int k = 0; ok && k < n; k++) {
        const double cells = (double)tl_shape_size(tl_variable_shape(v[k]));
        ok = tl_variable_prune_by_magnitude(v[k], llround(part * cells)) == TL_OK;
    }
    return ok;
}

/* ---- Training ---- */

/* Copies an image, moved by up to so many pixels along each axis. What comes in at the borders is 0. */
static void copy_shifted(const digits *d, int64_t most, tl_random *rng, const tl_real *image, tl_real *to)
{
    const int64_t down = tl_random_integer(rng, 2 * most + 1) - most,
                  right = tl_random_integer(rng, 2 * most + 1) - most;
    for (int64_t i = 0; i < d->height; i++)
        for (int64_t j = 0; j < d->width; j++) {
            const int64_t from_i = i - down, from_j = j - right;
            const bool inside = from_i >= 0 && from_i < d->height && from_j >= 0 && from_j < d->width;
            to[i * d->width + j] = inside ? image[from_i * d->width + from_j] : 0;
        }
}

/* Takes a step on the images of a batch, shifted into another array. */
static bool step(cnn *m, pass *p, tl_real *shifted)
{
    const int64_t pixels = m->d->height * m->d->width;
    for (int64_t k = 0; k < p->n; k++)
        copy_shifted(m->d, m->o->shift, &m->rng, p->image + k * pixels, shifted + k * pixels);
    tl_node *scores = scores_of(p->graph, m, shifted, p->n, &m->rng);
    if (!pass_step(p, m->adam, tl_softmax_cross_entropy(scores, p->label)))
        return false;
    m->step++;
    return !pruning_is_due(&m->plan, m->step) || keep_largest(m, pruning_density(&m->plan, m->step));
}

bool cnn_train_epoch(cnn *m)
{
    pass p;
    tl_real *shifted = NULL;
    bool ok = pass_begin(&p, m->d, m->o->batch, &m->rng) &&
              (shifted = allocate(p.batch * m->d->height * m->d->width, sizeof *shifted));
    while (ok && pass_next(&p))
        ok = step(m, &p, shifted);
    if (ok) {
        m->epoch++;
        m->loss = pass_loss(&p);
        m->ms = pass_ms(&p);
        m->bytes = bytes_of(m);
    }
    pass_free(&p);
    free(shifted);
    return ok;
}

/* ---- The network ---- */

int64_t cnn_weights(const cnn *m)
{
    int64_t n = tl_variable_size(m->weights);
    for (int l = 0; l < m->n_blocks; l++)
        n += tl_variable_size(m->block[l].filters);
    return n;
}

/* Weight decay is of weights alone. */
static bool set_decay(cnn *m, tl_variable *v)
{
    tl_optimizer_options own = tl_optimizer_options_for(m->adam, v);
    own.weight_decay = m->o->decay;
    return tl_optimizer_set_options_for(m->adam, v, own) == TL_OK;
}

static bool make(cnn *m, const char *name, uint64_t seed, double density)
{
    const cnn_options *o = m->o;
    tl_random rng = { .seed = seed };
    m->n_blocks = (int)o->filters.n;
    m->rng = (tl_random){ .seed = seed, .position = training_draws };
    const int64_t steps = pass_steps(m->d, o->batch), all = o->epochs * steps;
    m->plan = (pruning){ density, all / 5, all > 1 ? 3 * all / 5 : 1, (steps + 3) / 4 };
    m->course = (tl_cosine_decay){ .steps = all };
    m->adam = tl_adam((tl_adam_options){ .learning_rate = o->learning_rate, .decoupled = true });
    bool ok = m->adam && tl_optimizer_set_schedule(m->adam, tl_schedule_cosine, &m->course) == TL_OK &&
              make_variables(m, name, &rng) && set_decay(m, m->weights);
    for (int l = 0; ok && l < m->n_blocks; l++)
        ok = set_decay(m, m->block[l].filters);
    m->all_weights = ok ? cnn_weights(m) : 0;
    return ok;
}

bool cnn_make_dense(cnn *m, const cnn_options *o, const digits *d, const char *name, uint64_t seed)
{
    *m = (cnn){ .o = o, .d = d };
    return make(m, name, seed, 1);
}

bool cnn_make_sparse(cnn *m, const cnn_options *o, const digits *d, const char *name, uint64_t seed,
                     double density)
{
    *m = (cnn){ .o = o, .d = d, .sparse = true };
    return make(m, name, seed, density);
}

void cnn_free(cnn *m)
{
    tl_variable *v[MAX_VARIABLES];
    const int n = variables_of(m, v);
    tl_optimizer_free(m->adam);
    for (int k = 0; k < n; k++)
        tl_variable_free(v[k]);
}

bool cnn_keep(cnn *m, const char *name, tl_checkpoint *c)
{
    tl_variable *v[MAX_VARIABLES];
    const int n = variables_of(m, v);
    int64_t *const integer[] = { &m->epoch, &m->step, &m->bytes };
    double *const number[] = { &m->loss, &m->accuracy, &m->ms };
    bool ok = tl_checkpoint_add_optimizer(c, name, m->adam) == TL_OK &&
              tl_checkpoint_add_random(c, name, &m->rng) == TL_OK &&
              keep_values(c, name, 3, integer, 3, number);
    for (int k = 0; ok && k < n; k++)
        ok = tl_checkpoint_add_variable(c, v[k]) == TL_OK;
    return ok;
}
