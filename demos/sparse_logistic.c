/* Classifies sparse rows of files larger than memory.
 *
 * A row has few features of many. Its score is a bias and the sum of the weights of its features (logistic
 * regression); in a factorisation machine (Rendle 2010) also the product of the factors of each two of them.
 * Weights are trained by FTRL with an L1 penalty, which leaves those that are of no use at 0 (McMahan et al.
 * 2013), factors by AdaGrad. Gradients are row-sparse: a step costs what the features of its rows do, however
 * many there are. A file is read by batches, and never held in memory. */
#include "demo.h"
#include "examples.h"

#include <math.h>
#include <stdlib.h>

enum { LOGISTIC, MACHINE, MODELS };
enum { WEIGHTS, BIAS, FACTORS, VARIABLES };

static const char *const model_names[] = { "logistic", "machine", NULL };

typedef struct options {
    demo_options common;
    int64_t rank, epochs, batch, models;
    double learning_rate, factor_rate, l1, l2;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--model", "NAME,..", "logistic: regression; machine: a factorisation machine", FLAG_CHOICES,
      .at = AT(models), .choices = model_names, .stride = sizeof *model_names },
    { "--rank", "N", "factors per feature of the machine", FLAG_INTEGER, .at = AT(rank), 1, 256,
      .fixed = true },
    { "--epochs", "N", "passes over the file", FLAG_INTEGER, .at = AT(epochs), 1, MOST_POINTS },
    { "--batch", "N", "rows in a step", FLAG_INTEGER, .at = AT(batch), 1, 65536, .fixed = true },
    { "--learning-rate", "X", "of weights, by FTRL", FLAG_NUMBER, .at = AT(learning_rate), .above = true,
      .open = true, .fixed = true },
    { "--factor-rate", "X", "learning rate of factors and the bias, by AdaGrad", FLAG_NUMBER,
      .at = AT(factor_rate), .above = true, .open = true, .fixed = true },
    { "--l1", "X", "penalty on abs(w), which leaves weights at 0", FLAG_NUMBER, .at = AT(l1), .open = true,
      .fixed = true },
    { "--l2", "X", "penalty on squares of w", FLAG_NUMBER, .at = AT(l2), .open = true, .fixed = true },
};

typedef struct model {
    const options *o;
    const char *name;
    int n;                               /* of variables: VARIABLES, or FACTORS of logistic regression */
    tl_variable *var[3];                 /* weights, bias, factors */
    tl_optimizer *weights, *others;      /* which they are trained by */
    int64_t epoch, left;                 /* weights that are not 0 */
    double accuracy, test_loss, seconds; /* of the rows held out; of training */
    series *loss_curve, *accuracy_curve;
} model;

static bool model_make(model *m, const options *o, int64_t features, int kind)
{
    tl_random rng = { .seed = o->common.seed };
    char name[64];
    *m = (model){ o, model_names[kind], .n = kind == MACHINE ? VARIABLES : FACTORS };
    const tl_shape shape[] = { TL_SHAPE(features, 1), TL_SHAPE(1), TL_SHAPE(features, o->rank) };
    static const char *const names[] = { "weights", "bias", "factors" };
    for (int k = 0; k < m->n; k++) {
        snprintf(name, sizeof name, "%s/%s", m->name, names[k]);
        if (!(m->var[k] = tl_variable_dense(name, shape[k])))
            return false;
    }
    m->weights = tl_ftrl((tl_ftrl_options){ .learning_rate = o->learning_rate, .l1 = o->l1, .l2 = o->l2 });
    m->others = tl_adagrad(
        (tl_adagrad_options){ .learning_rate = o->factor_rate, .initial_accumulator = 0.1 });
    return m->weights && m->others &&
           (m->n == FACTORS || tl_init_normal(m->var[FACTORS], 0, (tl_real)0.1, &rng) == TL_OK);
}

static void model_free(model *m)
{
    tl_optimizer_free(m->weights);
    tl_optimizer_free(m->others);
    for (int k = 0; k < m->n; k++)
        tl_variable_free(m->var[k]);
}

/* Adds all that makes up a run of the model. */
static bool keep_model(demo *d, model *m)
{
    char name[64];
    snprintf(name, sizeof name, "%s/weights", m->name);
    bool ok = (m->loss_curve = series_new(&d->series, d->checkpoint, "test loss", m->name)) &&
              (m->accuracy_curve = series_new(&d->series, d->checkpoint, "test accuracy, %", m->name)) &&
              tl_checkpoint_add_optimizer(d->checkpoint, name, m->weights) == TL_OK &&
              tl_checkpoint_add_integer(d->checkpoint, name, &m->left) == TL_OK &&
              tl_checkpoint_add_number(d->checkpoint, name, &m->seconds) == TL_OK;
    snprintf(name, sizeof name, "%s/others", m->name);
    ok = ok && tl_checkpoint_add_optimizer(d->checkpoint, name, m->others) == TL_OK &&
         tl_checkpoint_add_integer(d->checkpoint, name, &m->epoch) == TL_OK &&
         tl_checkpoint_add_number(d->checkpoint, name, &m->accuracy) == TL_OK;
    for (int k = 0; ok && k < m->n; k++)
        ok = tl_checkpoint_add_variable(d->checkpoint, m->var[k]) == TL_OK;
    snprintf(name, sizeof name, "%s/loss", m->name);
    return ok && tl_checkpoint_add_number(d->checkpoint, name, &m->test_loss) == TL_OK;
}

/* ---- The model ---- */

/* Returns the scores of rows: of features with values x, bias + sum w x, and with factors v the sum of
 * x_i x_j <v_i, v_j> over all pairs, which is half of (sum x v)^2 - sum (x v)^2, summed over the factors. */
static tl_node *scores(tl_graph *g, const model *m, const tl_svmlight *rows)
{
    const tl_csr p = tl_pattern_csr(rows->pattern);
    const int64_t n = p.row_ptr[p.rows];
    const tl_pattern_bag bags = { .n = p.rows, .row_ptr = p.row_ptr, .ids = p.col, .n_ids = n };
    tl_node *x = tl_input(g, TL_SHAPE(n), rows->values);
    tl_node *y = tl_embedding_lookup_sparse(tl_use(g, m->var[WEIGHTS]), &bags, x, TL_SUM);
    y = tl_bias(y, tl_use(g, m->var[BIAS]));
    if (m->n == FACTORS)
        return y;
    tl_node *v = tl_embedding_lookup(tl_use(g, m->var[FACTORS]), p.col, TL_SHAPE(n));
    tl_node *xv = tl_mul(v, tl_reshape(x, TL_SHAPE(n, 1)));
    tl_node *sum = tl_segment_sum(xv, p.row_ptr, p.rows);
    tl_node *squares = tl_segment_sum(tl_square(xv), p.row_ptr, p.rows);
    tl_node *pairs = tl_scale(tl_reduce_sum(tl_sub(tl_square(sum), squares), 1), (tl_real)0.5);
    return tl_add(y, tl_reshape(pairs, TL_SHAPE(p.rows, 1)));
}

/* Makes labels of 0 and 1. */
static tl_node *loss_of(tl_graph *g, tl_node *y, tl_svmlight *rows)
{
    for (int64_t k = 0; k < rows->rows; k++)
        rows->labels[k] = rows->labels[k] > 0;
    return tl_sigmoid_cross_entropy(y, tl_input(g, TL_SHAPE(rows->rows, 1), rows->labels));
}

/* ---- Training ---- */

static bool step(model *m, tl_graph *g, tl_svmlight *rows)
{
    tl_gradients all;
    if (tl_backward_for(loss_of(g, scores(g, m, rows), rows), m->var, m->n, &all) != TL_OK)
        return graph_failed(g);
    tl_gradients weights = { all.pair, 1, g }, others = { all.pair + 1, m->n - 1, g };
    const bool ok = tl_apply_gradients(m->weights, &weights) == TL_OK &&
                    tl_apply_gradients(m->others, &others) == TL_OK;
    tl_graph_reset(g);
    return ok || graph_failed(g);
}

static bool train_epoch(model *m, tl_graph *g, const examples *e)
{
    tl_svmlight_stream *s = examples_open(e, e->train);
    tl_svmlight rows = { 0 };
    bool ok;
    while ((ok = tl_svmlight_next(s, m->o->batch, &rows) == TL_OK) && rows.rows > 0)
        if (!(ok = step(m, g, &rows)))
            break;
    tl_svmlight_free(&rows);
    tl_svmlight_close(s);
    return ok;
}

/* Adds to the number of rows that are classified rightly, and to the loss. */
static bool test_rows(const model *m, tl_graph *g, tl_svmlight *rows, double *right, double *loss)
{
    tl_node *y = scores(g, m, rows), *mean = loss_of(g, y, rows);
    const tl_real *score = tl_value(y), *value = tl_value(mean);
    if (!score || !value)
        return graph_failed(g);
    for (int64_t k = 0; k < rows->rows; k++)
        *right += (score[k] > 0) == (rows->labels[k] > 0);
    *loss += (double)value[0] * (double)rows->rows;
    tl_graph_reset(g);
    return true;
}

static bool test(model *m, tl_graph *g, const examples *e)
{
    tl_svmlight_stream *s = examples_open(e, e->test);
    tl_svmlight rows = { 0 };
    double right = 0, loss = 0;
    bool ok;
    while ((ok = tl_svmlight_next(s, 1024, &rows) == TL_OK) && rows.rows > 0)
        if (!(ok = test_rows(m, g, &rows, &right, &loss)))
            break;
    tl_svmlight_free(&rows);
    tl_svmlight_close(s);
    m->accuracy = right / (double)e->n_test;
    m->test_loss = loss / (double)e->n_test;
    return ok;
}

/* Counts the weights that are not 0 of the features first .. end-1. */
static int64_t count_left(const model *m, int64_t first, int64_t end)
{
    const tl_real *w = tl_variable_values(m->var[WEIGHTS]);
    int64_t n = 0;
    for (int64_t k = first; k < end; k++)
        n += w[k] != 0;
    return n;
}

static bool train(demo *d, model *m, const examples *e)
{
    tl_graph *g = tl_graph_new();
    bool ok = g != NULL;
    while (ok && m->epoch < m->o->epochs) {
        const double start = seconds();
        ok = train_epoch(m, g, e);
        m->seconds += seconds() - start;
        m->epoch++;
        ok = ok && test(m, g, e);
        series_add(m->loss_curve, (double)m->epoch, m->test_loss);
        series_add(m->accuracy_curve, (double)m->epoch, 100 * m->accuracy);
        progress("%s: pass %" PRId64 " of %" PRId64 ", test loss %.4f", m->name, m->epoch, m->o->epochs,
                 m->test_loss);
        m->left = count_left(m, 0, e->features);
        ok = ok && demo_save(d);
    }
    progress_clear();
    tl_graph_free(g);
    return ok;
}

/* ---- The program ---- */

static void report(demo *d, const model *m, const examples *e)
{
    const double rate = (double)e->n_train * (double)m->epoch / m->seconds;
    printf("%-9s %9.2f %% %9.4f %8" PRId64 " of %-8" PRId64 " %10.0f\n", m->name, 100 * m->accuracy,
           m->test_loss, m->left, e->features, rate);
    if (e->useful > 0)
        printf("%31s %8" PRId64 " of %-8" PRId64 " that tell nothing\n", "",
               count_left(m, e->useful, e->features), e->features - e->useful);
    fflush(stdout);
    result_text(&d->results, "model", m->name);
    result_number(&d->results, "accuracy", m->accuracy);
    result_number(&d->results, "loss", m->test_loss);
    result_integer(&d->results, "features_left", m->left);
    result_integer(&d->results, "bits", hash_of(m->var, m->n));
    result_number(&d->results, "rows_per_second", rate);
    result_end(&d->results);
}

static bool compare(demo *d, const options *o, const examples *e, model *models)
{
    double best = 0;
    for (int k = 0; k < MODELS; k++)
        if (!model_make(&models[k], o, e->features, k) || !keep_model(d, &models[k]))
            return false;
    if (!demo_resume(d))
        return false;
    printf("%" PRId64 " rows to train, %" PRId64 " to test, %" PRId64 " features; %" PRId64 " pass%s\n\n",
           e->n_train, e->n_test, e->features, o->epochs, o->epochs == 1 ? "" : "es");
    printf("%-9s %11s %9s  %-20s %10s\n", "model", "accuracy", "loss", "weights that are left", "rows/s");
    for (int k = 0; k < MODELS; k++) {
        if (!(o->models >> k & 1))
            continue;
        if (!train(d, &models[k], e))
            return false;
        report(d, &models[k], e);
        best = fmax(best, models[k].accuracy);
    }
    printf("\nat most %.0f MB resident\n", peak_megabytes());
    return demo_reached(d, best >= o->common.goal, "test accuracy %.2f %%, at least %.2f %%", 100 * best,
                        100 * o->common.goal);
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(0.9),
                  .rank = 4,
                  .epochs = 10,
                  .batch = 16,
                  .models = (1 << MODELS) - 1,
                  .learning_rate = 1,
                  .factor_rate = 0.1,
                  .l1 = 3 };
    demo d = {
        .name = "sparse_logistic",
        .about =
            "Trains logistic regression and a factorisation machine on sparse rows of two classes, streamed "
            "from svmlight files, which may be larger than memory. The exit status is 0 if the better of "
            "them reaches the goal.",
        .data = "folder with one *.train.svm and one *.test.svm, or .svm.gz; labels 0 or -1 and 1 (default: "
                "drawn from a known model)",
        .goal = "lowest test accuracy",
        .x_name = "pass",
        .examples = "\n--data agaricus --goal 1\n"
                    "--model machine --rank 8 --epochs 10 --svg curves.svg\n",
        DEMO_FLAGS(flags, o),
    };
    examples e = { 0 };
    model models[MODELS] = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    const bool ok = examples_get(&e, o.common.data) && compare(&d, &o, &e, models);
    const int status = demo_end(&d, ok);
    for (int k = 0; k < MODELS; k++)
        model_free(&models[k]);
    examples_free(&e);
    return status;
}
