/* Learns vectors of words from a text, and shows neighbours.
 *
 * Skip-gram with negative sampling (Mikolov et al. 2013): the vector of a word and the context vector of a
 * word near it should have a large product, and with those of words that are drawn a small one. A step takes
 * some segments of the text; its gradients have the rows of the words in them, and AdaGrad updates no others.
 * The words that are drawn are shared by the batch, which makes their products one of matrices. */
#include "demo.h"
#include "words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT = 32, SEGMENTS = 16, BATCH = SEGMENT * SEGMENTS, DRAWN = 64, MOST_WINDOW = 16, NEAREST = 5 };

typedef struct options {
    demo_options common;
    int64_t rank, epochs, window, negatives, least;
    double learning_rate, sample;
    const char *near, *npy, *text;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--rank", "N", "elements of a vector", FLAG_INTEGER, .at = AT(rank), 1, 1024, .fixed = true },
    { "--epochs", "N", "passes over the text", FLAG_INTEGER, .at = AT(epochs), 1, MOST_POINTS },
    { "--window", "N", "words on each side that are near; drawn from 1 to this per word", FLAG_INTEGER,
      .at = AT(window), 1, MOST_WINDOW, .fixed = true },
    { "--negatives", "N", "weight of the words that are drawn, in words per pair", FLAG_INTEGER,
      .at = AT(negatives), 1, 100, .fixed = true },
    { "--least", "N", "leave out words that occur fewer times", FLAG_INTEGER, .at = AT(least), 1, 1000000,
      .fixed = true },
    { "--sample", "X", "of a word of larger frequency f leave out 1 - sqrt(X / f); 0: none", FLAG_NUMBER,
      .at = AT(sample), .open = true, .fixed = true },
    { "--learning-rate", "X", "of AdaGrad", FLAG_NUMBER, .at = AT(learning_rate), .above = true, .open = true,
      .fixed = true },
    { "--near", "WORD,..", "show the neighbours of these (default: five of medium frequency)", FLAG_TEXT,
      .at = AT(near) },
    { "--npy", "FILE", "write the vectors as a NumPy array, a row per word", FLAG_OUTPUT, .at = AT(npy) },
    { "--text", "FILE", "write words and vectors as word2vec's text", FLAG_OUTPUT, .at = AT(text) },
};

enum { VECTORS, CONTEXTS, TABLES };

typedef struct model {
    const options *o;
    const words *w;
    tl_variable *table[TABLES];
    tl_optimizer *adagrad;
    tl_graph *graph;
    tl_random rng;
    double *cumulative; /* of count^0.75, from which negatives are drawn */
    int32_t *order;     /* of the segments in this epoch */
    int64_t epoch;
    double loss, seconds; /* of the last epoch per pair; of training */
    series *curve;
} model;

static bool model_make(model *m, const options *o, const words *w)
{
    static const char *const names[] = { "vectors", "contexts" };
    *m = (model){ .o = o, .w = w, .rng = { .seed = o->common.seed } };
    for (int k = 0; k < TABLES; k++)
        if (!(m->table[k] = tl_variable_dense(names[k], TL_SHAPE(w->n_words, o->rank))))
            return false;
    m->adagrad = tl_adagrad(
        (tl_adagrad_options){ .learning_rate = o->learning_rate, .initial_accumulator = 0.1 });
    m->graph = tl_graph_new();
    m->cumulative = allocate(w->n_words, sizeof *m->cumulative);
    m->order = allocate(w->n / SEGMENT + 1, sizeof *m->order);
    if (!m->adagrad || !m->graph || !m->cumulative || !m->order)
        return false;
    double sum = 0;
    for (int32_t k = 0; k < w->n_words; k++)
        m->cumulative[k] = sum += pow((double)w->count[k], 0.75);
    const double most = 0.5 / (double)o->rank;
    return tl_init_uniform(m->table[VECTORS], (tl_real)-most, (tl_real)most, &m->rng) == TL_OK;
}

static void model_free(model *m)
{
    tl_graph_free(m->graph);
    tl_optimizer_free(m->adagrad);
    for (int k = 0; k < TABLES; k++)
        tl_variable_free(m->table[k]);
    free(m->cumulative);
    free(m->order);
}

/* ---- A batch ---- */

typedef struct batch {
    int32_t n, n_pairs;
    int32_t word[BATCH], drawn[DRAWN];
    tl_real pairs_of[BATCH]; /* how many a word is the centre of */
    int32_t centre[BATCH * 2 * MOST_WINDOW], near[BATCH * 2 * MOST_WINDOW]; /* of each pair, in word[] */
} batch;

/* Draws a word with probability as count^0.75. */
static int32_t draw_word(model *m)
{
    const double x = tl_random_uniform(&m->rng) * m->cumulative[m->w->n_words - 1];
    int32_t low = 0, high = m->w->n_words - 1;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (m->cumulative[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Tells whether this place of a word takes part. */
static bool is_taken(model *m, int32_t word)
{
    const double wanted = m->o->sample * (double)m->w->n / (double)m->w->count[word];
    return wanted == 0 || wanted >= 1 || tl_random_uniform(&m->rng) < sqrt(wanted);
}

/* Adds a segment of the text, and the pairs in it. */
static void add_segment(model *m, int64_t segment, batch *b)
{
    const int64_t first = segment * SEGMENT, left = m->w->n - first;
    const int32_t from = b->n;
    for (int64_t k = 0; k < SEGMENT && k < left; k++)
        if (is_taken(m, m->w->text[first + k]))
            b->word[b->n++] = m->w->text[first + k];
    for (int32_t k = from; k < b->n; k++) {
        const int32_t window = 1 + (int32_t)tl_random_integer(&m->rng, m->o->window), before = b->n_pairs;
        for (int32_t j = k - window; j <= k + window; j++)
            if (j >= from && j < b->n && j != k) {
                b->centre[b->n_pairs] = k;
                b->near[b->n_pairs++] = j;
            }
        b->pairs_of[k] = (tl_real)(b->n_pairs - before);
    }
}

/* Returns the loss summed over the pairs: of each, log(1 + exp(-s)) of the score of the pair and
 * log(1 + exp(s)) of those with the words that are drawn, which count as `negatives` words together. */
static tl_node *loss_of(tl_graph *g, const model *m, const batch *b)
{
    tl_node *contexts = tl_use(g, m->table[CONTEXTS]);
    tl_node *vector = tl_embedding_lookup(tl_use(g, m->table[VECTORS]), b->word, TL_SHAPE(b->n));
    tl_node *context = tl_embedding_lookup(contexts, b->word, TL_SHAPE(b->n));
    tl_node *drawn = tl_embedding_lookup(contexts, b->drawn, TL_SHAPE(DRAWN));
    tl_node *product = tl_mul(tl_embedding_lookup(vector, b->centre, TL_SHAPE(b->n_pairs)),
                              tl_embedding_lookup(context, b->near, TL_SHAPE(b->n_pairs)));
    tl_node *near = tl_softplus(tl_neg(tl_reduce_sum(product, 1)));
    tl_node *far = tl_softplus(tl_matmul_transposed(vector, drawn, TL_TRANSPOSE_B));
    far = tl_mul(far, tl_input(g, TL_SHAPE(b->n, 1), b->pairs_of));
    const tl_real weight = (tl_real)m->o->negatives / DRAWN;
    return tl_add(tl_reduce_sum(near, TL_ALL_AXES), tl_scale(tl_reduce_sum(far, TL_ALL_AXES), weight));
}

/* ---- Training ---- */

static bool train_epoch(model *m, batch *b)
{
    const int32_t segments = (int32_t)((m->w->n + SEGMENT - 1) / SEGMENT);
    double sum = 0, pairs = 0;
    tl_random_permutation(&m->rng, segments, m->order);
    for (int32_t first = 0; first < segments; first += SEGMENTS, tl_graph_reset(m->graph)) {
        b->n = b->n_pairs = 0;
        for (int32_t k = first; k < first + SEGMENTS && k < segments; k++)
            add_segment(m, m->order[k], b);
        for (int k = 0; k < DRAWN; k++)
            b->drawn[k] = draw_word(m);
        if (b->n_pairs == 0)
            continue;
        tl_node *loss = loss_of(m->graph, m, b);
        if (tl_minimize(m->adagrad, loss) != TL_OK)
            return graph_failed(m->graph);
        sum += (double)tl_value(loss)[0];
        pairs += b->n_pairs;
    }
    if (pairs == 0)
        return tl_fail(TL_ERR_FORMAT, "the text has no pairs: it is too short, or --sample too small") ==
               TL_OK;
    m->loss = sum / pairs;
    return true;
}

static bool train(demo *d, model *m)
{
    batch *b = allocate(1, sizeof *b);
    bool ok = b != NULL;
    while (ok && m->epoch < m->o->epochs) {
        const double start = seconds();
        ok = train_epoch(m, b);
        m->seconds += seconds() - start;
        m->epoch++;
        series_add(m->curve, (double)m->epoch, m->loss);
        progress("epoch %" PRId64 " of %" PRId64 ", loss %.4f", m->epoch, m->o->epochs, m->loss);
        ok = ok && demo_save(d);
    }
    progress_clear();
    free(b);
    return ok;
}

/* ---- Neighbours ---- */

typedef struct neighbours {
    int32_t word[NEAREST];
    double cosine[NEAREST]; /* descending */
} neighbours;

/* Makes rows of length 1. */
static tl_real *unit_vectors(const model *m)
{
    const int64_t width = m->o->rank;
    tl_real *unit = allocate(m->w->n_words * width, sizeof *unit);
    const tl_real *v = tl_variable_values(m->table[VECTORS]);
    for (int64_t k = 0; unit && k < m->w->n_words; k++) {
        double sum = 0;
        for (int64_t j = 0; j < width; j++)
            sum += (double)v[k * width + j] * (double)v[k * width + j];
        for (int64_t j = 0; j < width; j++)
            unit[k * width + j] = (tl_real)((double)v[k * width + j] / sqrt(sum));
    }
    return unit;
}

static neighbours find_neighbours(const model *m, const tl_real *unit, int32_t of)
{
    const int64_t width = m->o->rank;
    neighbours to;
    for (int k = 0; k < NEAREST; k++) {
        to.word[k] = -1;
        to.cosine[k] = -2;
    }
    for (int32_t k = 0; k < m->w->n_words; k++) {
        double cosine = 0;
        for (int64_t j = 0; j < width; j++)
            cosine += (double)unit[of * width + j] * (double)unit[k * width + j];
        int at = NEAREST;
        for (; k != of && at > 0 && cosine > to.cosine[at - 1]; at--)
            if (at < NEAREST) {
                to.word[at] = to.word[at - 1];
                to.cosine[at] = to.cosine[at - 1];
            }
        if (at < NEAREST) {
            to.word[at] = k;
            to.cosine[at] = cosine;
        }
    }
    return to;
}

static void print_neighbours(const model *m, const tl_real *unit, int32_t of)
{
    const neighbours to = find_neighbours(m, unit, of);
    printf("  %.*s:", bytes_of_characters(m->w->word[of], 14), m->w->word[of]);
    for (int k = 0; k < 4 && to.word[k] >= 0; k++) {
        const char *word = m->w->word[to.word[k]];
        printf(" %.*s", bytes_of_characters(word, 13), word);
    }
    printf("\n");
}

/* Returns the place of the next word of a comma-separated list and advances *list, to NULL after the last. */
static int32_t next_near(const words *w, const char **list)
{
    char word[WORD_SIZE];
    const size_t length = strcspn(*list, ",");
    snprintf(word, sizeof word, "%.*s", (int)length, *list);
    word[bytes_of_characters(word, LONGEST_WORD)] = '\0';
    const int32_t at = words_find(w, word);
    if (at < 0)
        tl_fail(TL_ERR_ARGUMENT, "--near: the vocabulary has no '%s'", word);
    *list = (*list)[length] == ',' ? *list + length + 1 : NULL;
    return at;
}

static bool check_near(const options *o, const words *w)
{
    const char *list = o->near;
    while (list)
        if (next_near(w, &list) < 0)
            return false;
    return true;
}

static void show_neighbours(const model *m, const tl_real *unit)
{
    const char *list = m->o->near;
    printf("\nneighbours:\n");
    for (int32_t k = 0; !list && k < 5; k++) /* those of medium frequency */
        print_neighbours(m, unit, (int32_t)((int64_t)m->w->n_words * (k + 1) / 12));
    while (list)
        print_neighbours(m, unit, next_near(m->w, &list));
}

/* Returns the part of the words with a topic whose nearest word has the same. */
static double count_topics(const model *m, const tl_real *unit)
{
    double right = 0, all = 0;
    for (int32_t k = 0; k < m->w->n_words; k++)
        if (m->w->topic[k] >= 0) {
            const int32_t nearest = find_neighbours(m, unit, k).word[0];
            right += m->w->topic[nearest] == m->w->topic[k];
            all++;
        }
    return right / all;
}

/* ---- Files ---- */

static bool write_vectors(const model *m)
{
    const tl_real *v = tl_variable_values(m->table[VECTORS]);
    const tl_npy array = {
        TL_NPY_REAL, 2, { m->w->n_words, m->o->rank }, m->w->n_words * m->o->rank, (void *)v
    };
    if (m->o->npy && tl_npy_write(m->o->npy, &array) != TL_OK)
        return false;
    output text;
    if (!output_open(&text, m->o->text))
        return false;
    if (!text.file)
        return true;
    fprintf(text.file, "%" PRId32 " %" PRId64 "\n", m->w->n_words, m->o->rank);
    for (int32_t k = 0; k < m->w->n_words; k++) {
        fprintf(text.file, "%s", m->w->word[k]);
        for (int64_t j = 0; j < m->o->rank; j++)
            fprintf(text.file, " %.9g", (double)*v++);
        fprintf(text.file, "\n");
    }
    return output_close(&text);
}

/* ---- The program ---- */

static bool keep_model(demo *d, model *m)
{
    tl_checkpoint *c = d->checkpoint;
    return (m->curve = series_new(&d->series, c, "loss per pair", "vectors")) &&
           tl_checkpoint_add_variable(c, m->table[VECTORS]) == TL_OK &&
           tl_checkpoint_add_variable(c, m->table[CONTEXTS]) == TL_OK &&
           tl_checkpoint_add_optimizer(c, "adagrad", m->adagrad) == TL_OK &&
           tl_checkpoint_add_random(c, "rng", &m->rng) == TL_OK &&
           tl_checkpoint_add_integer(c, "epoch", &m->epoch) == TL_OK &&
           tl_checkpoint_add_number(c, "loss", &m->loss) == TL_OK &&
           tl_checkpoint_add_number(c, "seconds", &m->seconds) == TL_OK;
}

static bool report(demo *d, const model *m)
{
    const options *o = m->o;
    const double rate = (double)m->w->n * (double)m->epoch / m->seconds;
    tl_real *unit = unit_vectors(m);
    if (!unit)
        return false;
    const double share = m->w->topic ? count_topics(m, unit) : 1;
    show_neighbours(m, unit);
    const bool ok = write_vectors(m);
    free(unit);
    result_number(&d->results, "loss", m->loss);
    if (m->w->topic)
        result_number(&d->results, "same_topic", share);
    result_integer(&d->results, "bits", hash_of(m->table, TABLES));
    result_number(&d->results, "words_per_second", rate);
    result_end(&d->results);
    const double untrained = (double)(1 + o->negatives) * log(2);
    const double goal = isnan(o->common.goal) ? 0.9 * untrained : o->common.goal;
    char topics[128] = "";
    if (m->w->topic)
        snprintf(topics, sizeof topics,
                 "; %.1f %% of the nearest words are of the same topic, at least 90 %%", 100 * share);
    printf("\n%.0f words per second; loss per pair %.4f, untrained %.4f\n", rate, m->loss, untrained);
    return ok && demo_reached(d, m->loss <= goal && share >= 0.9, "loss %.4f, at most %.4f%s", m->loss, goal,
                              topics);
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(NAN),
                  .rank = 64,
                  .epochs = 5,
                  .window = 5,
                  .negatives = 5,
                  .least = 5,
                  .learning_rate = 0.1,
                  .sample = 0.001 };
    demo d = {
        .name = "word_vectors",
        .about = "Learns vectors of words from a text by skip-gram with negative sampling, and shows which "
                 "are near each other. The exit status is 0 if the loss reaches the goal, and, of the text "
                 "that the program makes, if 90 % of the words are nearest to one of their topic.",
        .data = "text to read (default: made of sentences about topics)",
        .data_is_file = true,
        .goal = "highest loss per pair (default: nine tenths of the untrained one)",
        .x_name = "epoch",
        .examples = "\n--data book.txt --epochs 10 --near king,house\n"
                    "--data book.txt --npy vectors.npy --text vectors.txt\n",
        DEMO_FLAGS(flags, o),
    };
    words w = { 0 };
    model m = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    bool ok = words_get(&w, o.common.data, o.least) && check_near(&o, &w) && model_make(&m, &o, &w) &&
              keep_model(&d, &m) && demo_resume(&d);
    if (ok)
        printf("%" PRId64 " words, %" PRId32 " different ones\n", w.n, w.n_words);
    ok = ok && train(&d, &m) && report(&d, &m);
    const int status = demo_end(&d, ok);
    model_free(&m);
    words_free(&w);
    return status;
}
