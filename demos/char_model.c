/* Learns to continue a text: sparse GRU, LSTM, transformer.
 *
 * Characters are predicted one by one. Streams of the text are read side by side, a window at a time. The
 * state of a recurrent network is carried from window to window, and its gradient ends at the beginning of a
 * window (truncated backpropagation, Williams and Peng 1990). A transformer begins each window anew, and
 * looks back by causal attention. */
#include "chars.h"
#include "demo.h"
#include "predictor.h"
#include "trigram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = -1 }; /* a label that does not count */
enum { FEWEST = 10 };  /* characters to learn from, so that at least one is held out */

typedef struct options {
    demo_options common;
    predictor_options model;
    int64_t batch, steps, every, sample;
    double learning_rate, clip, temperature;
    const char *prompt;
} options;

#define AT(field) offsetof(options, field)

static const flag flags[] = {
    { "--cell", "NAME", "gru, lstm or transformer", FLAG_CHOICE, .at = AT(model.cell), .fixed = true,
      .choices = predictor_cells, .stride = sizeof *predictor_cells },
    { "--units", "N", "of a layer", FLAG_INTEGER, .at = AT(model.units), 1, 4096, .fixed = true },
    { "--layers", "N", "one after the other", FLAG_INTEGER, .at = AT(model.layers), 1, MOST_LAYERS,
      .fixed = true },
    { "--density", "X",
      "part of the recurrent weights, or of a transformer's feed-forward ones, that exists; "
      "1: dense matrices",
      FLAG_NUMBER, .at = AT(model.density), .above = true, .most = 1, .fixed = true },
    { "--window", "N", "characters, as far as a gradient goes back and a transformer sees", FLAG_INTEGER,
      .at = AT(model.window), 2, MOST_WINDOW, .fixed = true },
    { "--batch", "N", "streams that are read side by side", FLAG_INTEGER, .at = AT(batch), 1, 1024,
      .fixed = true },
    { "--steps", "N", "of training, a window of each stream", FLAG_INTEGER, .at = AT(steps), 1, 10000000,
      .fixed = true },
    { "--every", "N", "steps between tests and checkpoints", FLAG_INTEGER, .at = AT(every), 1, 1000000,
      .fixed = true },
    { "--learning-rate", "X", "of Adam; rises for a tenth of the steps, falls along half a cosine",
      FLAG_NUMBER, .at = AT(learning_rate), .above = true, .open = true, .fixed = true },
    { "--clip", "X", "largest norm of all gradients", FLAG_NUMBER, .at = AT(clip), .above = true,
      .open = true, .fixed = true },
    { "--sample", "N", "characters to write at the end", FLAG_INTEGER, .at = AT(sample), 0, 1000000 },
    { "--temperature", "X", "of the sample: below 1 it takes fewer chances", FLAG_NUMBER,
      .at = AT(temperature), .above = true, .open = true },
    { "--prompt", "TEXT", "how the sample begins (default: a newline)", FLAG_TEXT, .at = AT(prompt) },
};

typedef struct model {
    const options *o;
    const chars *text;
    predictor net;
    tl_variable *state; /* of the streams before the next window; it is carried on, not trained */
    tl_optimizer *adam;
    tl_cosine_decay decay;
    tl_warm_up warm_up;
    tl_clip clip;
    tl_graph *graph;
    tl_random rng;
    int32_t *ids, *next;       /* of a window: characters, and those that follow */
    int64_t step, at;          /* steps done; where in each stream the next window begins */
    double bits, trigram_bits; /* per held-out character */
    double seconds;            /* of training */
    series *training, *test, *trigram;
    series *grammar; /* NULL: the text is from a file */
} model;

static bool make_optimizer(model *m)
{
    const int64_t rising = m->o->steps / 10;
    m->decay = (tl_cosine_decay){ .steps = m->o->steps - rising };
    m->warm_up = (tl_warm_up){ .steps = rising, .then = tl_schedule_cosine, .then_context = &m->decay };
    m->clip = (tl_clip){ .max_norm = m->o->clip };
    m->adam = tl_adam((tl_adam_options){ .learning_rate = m->o->learning_rate });
    return m->adam && tl_optimizer_set_schedule(m->adam, tl_schedule_warm_up, &m->warm_up) == TL_OK &&
           tl_optimizer_add_transform(m->adam, tl_clip_by_global_norm, &m->clip) == TL_OK;
}

static bool model_make(model *m, const options *o, const chars *text)
{
    const int64_t windows = 2 * o->batch * o->model.window + 1, needed = windows > FEWEST ? windows : FEWEST;
    *m = (model){ .o = o, .text = text, .rng = { .seed = o->common.seed }, .at = text->n };
    if (text->n_train < needed)
        return tl_fail(TL_ERR_FORMAT,
                       "%s: %" PRId64 " characters to learn from, but --batch %" PRId64
                       " and --window %" PRId64 " need %" PRId64,
                       o->common.data ? o->common.data : "the text", text->n_train, o->batch, o->model.window,
                       needed) == TL_OK;
    m->graph = tl_graph_new();
    m->ids = allocate(o->batch * o->model.window, sizeof *m->ids);
    m->next = allocate(o->batch * o->model.window, sizeof *m->next);
    return m->graph && m->ids && m->next && predictor_make(&m->net, &o->model, text->n_codes, &m->rng) &&
           make_optimizer(m) &&
           (m->state = tl_variable_dense("state",
                                         TL_SHAPE(predictor_states(&m->net) * o->batch, o->model.units)));
}

static void model_free(model *m)
{
    tl_graph_free(m->graph);
    tl_optimizer_free(m->adam);
    tl_variable_free(m->state);
    predictor_free(&m->net);
    free(m->ids);
    free(m->next);
}

/* ---- Training ---- */

/* Reads the next window of each stream. After the last one, begins again elsewhere, with a state of 0. */
static void read_window(model *m)
{
    const int64_t batch = m->o->batch, window = m->o->model.window;
    const int64_t length = (m->text->n_train - 1) / batch; /* of a stream */
    if (m->at > length - window) {
        m->at = tl_random_integer(&m->rng, window);
        memset(tl_variable_data(m->state), 0, (size_t)tl_variable_size(m->state) * sizeof(tl_real));
    }
    for (int64_t t = 0; t < window; t++)
        for (int64_t k = 0; k < batch; k++) {
            const int32_t *from = m->text->text + k * length + m->at + t;
            m->ids[t * batch + k] = from[0];
            m->next[t * batch + k] = from[1];
        }
    m->at += window;
}

/* Adds the loss of the step, in nats per character, to *sum. */
static bool take_step(model *m, double *sum)
{
    read_window(m);
    tl_node *scores = predictor_scores(&m->net, m->graph, m->ids, m->o->batch, m->o->model.window,
                                       tl_variable_values(m->state));
    tl_node *loss = tl_softmax_cross_entropy(scores, m->next);
    if (tl_minimize(m->adam, loss) != TL_OK)
        return graph_failed(m->graph);
    *sum += (double)tl_value(loss)[0];
    predictor_keep_states(&m->net, tl_variable_data(m->state));
    tl_graph_reset(m->graph);
    return true;
}

/* ---- Testing ---- */

/* How the held-out text is read: in streams, each of which begins a window before its part, which lets the
 * network know what comes before. A recurrent one then counts whole windows; of a transformer's, which
 * overlap, the second half counts, so that each character is predicted from half a window or more. */
typedef struct reading {
    int64_t each;    /* characters of a stream's part */
    int64_t advance; /* from window to window: that many count, the last ones */
} reading;

/* Reads a window that begins at this place of each stream's part. Returns the number of characters that
 * count. */
static int64_t read_held_out(model *m, const reading *r, int64_t first)
{
    const chars *c = m->text;
    const int64_t batch = m->o->batch, window = m->o->model.window;
    int64_t n = 0;
    for (int64_t t = 0; t < window; t++)
        for (int64_t k = 0; k < batch; k++) {
            const int64_t place = first + t, at = c->n_train + k * r->each + place;
            const bool counts = t >= window - r->advance && place >= 0 && place < r->each && at < c->n;
            m->ids[t * batch + k] = at <= c->n ? c->text[at - 1] : 0;
            m->next[t * batch + k] = counts ? c->text[at] : UNKNOWN;
            n += counts;
        }
    return n;
}

static bool test(model *m)
{
    static const tl_cross_entropy_options known = { .ignore = UNKNOWN, .has_ignore = true };
    const int64_t batch = m->o->batch, window = m->o->model.window, held_out = m->text->n - m->text->n_train;
    const reading r = { (held_out + batch - 1) / batch,
                        m->o->model.cell == TRANSFORMER ? window / 2 : window };
    tl_real *state = allocate(tl_variable_size(m->state), sizeof *state);
    bool ok = state != NULL;
    double sum = 0;
    for (int64_t first = -window; ok && first + window - r.advance < r.each; first += r.advance) {
        const int64_t n = read_held_out(m, &r, first);
        tl_node *scores = predictor_scores(&m->net, m->graph, m->ids, batch, window, state);
        const tl_real *loss = tl_value(tl_softmax_cross_entropy_with(scores, m->next, &known));
        ok = loss || graph_failed(m->graph);
        if (ok) {
            sum += (double)*loss * (double)n;
            predictor_keep_states(&m->net, state);
        }
        tl_graph_reset(m->graph);
    }
    free(state);
    m->bits = sum / (double)held_out / log(2);
    return ok;
}

static bool train(demo *d, model *m)
{
    const options *o = m->o;
    bool ok = true;
    while (ok && m->step < o->steps) {
        const int64_t first = m->step;
        const double start = seconds();
        double sum = 0;
        do
            ok = take_step(m, &sum);
        while (ok && ++m->step % o->every != 0 && m->step < o->steps);
        m->seconds += seconds() - start;
        ok = ok && test(m);
        if (!ok)
            break;
        series_add(m->training, (double)m->step, sum / (double)(m->step - first) / log(2));
        series_add(m->test, (double)m->step, m->bits);
        series_add(m->trigram, (double)m->step, m->trigram_bits);
        series_add(m->grammar, (double)m->step, m->text->bits);
        progress("step %" PRId64 " of %" PRId64 ", %.3f bits per character", m->step, o->steps, m->bits);
        ok = demo_save(d);
    }
    progress_clear();
    return ok;
}

/* ---- Sampling ---- */

/* Draws a character from a softmax of its scores, divided by the temperature. */
static int32_t draw(const tl_real *score, int32_t n, double temperature, tl_random *rng)
{
    double largest = (double)score[0], sum = 0;
    for (int32_t k = 1; k < n; k++)
        largest = fmax(largest, (double)score[k]);
    for (int32_t k = 0; k < n; k++)
        sum += exp(((double)score[k] - largest) / temperature);
    double left = tl_random_uniform(rng) * sum;
    int32_t found = 0;
    for (int32_t k = 0; k < n && left >= 0; k++) {
        const double part = exp(((double)score[k] - largest) / temperature);
        found = part > 0 ? k : found;
        left -= part;
    }
    return found;
}

/* Continues text[0 .. n-1] to `end` characters: a transformer from its last window, a recurrent network one
 * character at a time. */
static bool continue_text(model *m, int32_t *text, int64_t n, int64_t end, tl_real *state)
{
    const int32_t n_codes = m->text->n_codes;
    const int64_t most = m->o->model.cell == TRANSFORMER ? m->o->model.window : 1;
    tl_random rng = { m->o->common.seed, (uint64_t)1 << 40 }; /* far from the draws of training */
    bool ok = true;
    for (int64_t at = 1; ok && at < end; at++) {
        const int64_t from = at > most ? at - most : 0;
        const tl_real *score = tl_value(
            predictor_scores(&m->net, m->graph, text + from, 1, at - from, state));
        ok = score || graph_failed(m->graph);
        if (ok && at >= n)
            text[at] = draw(score + (at - from - 1) * n_codes, n_codes, m->o->temperature, &rng);
        if (ok)
            predictor_keep_states(&m->net, state);
        tl_graph_reset(m->graph);
    }
    return ok;
}

/* Sets the characters of the prompt in an array of its own, and their number. */
static bool find_prompt(const options *o, const chars *c, int32_t **prompt, int64_t *n)
{
    const char *text = o->prompt ? o->prompt : "\n";
    *prompt = allocate((int64_t)strlen(text), sizeof **prompt);
    *n = *prompt ? chars_find(c, "--prompt", text, *prompt) : -1;
    if (*n < 0 && *prompt && !o->prompt) { /* a text without lines */
        (*prompt)[0] = c->text[0];
        *n = 1;
    }
    return *n > 0;
}

static bool print_sample(model *m, const int32_t *prompt, int64_t n)
{
    const int64_t end = n + m->o->sample;
    int32_t *text = allocate(end, sizeof *text);
    tl_real *state = allocate(predictor_states(&m->net) * m->o->model.units, sizeof *state);
    bool ok = text && state;
    if (ok) {
        memcpy(text, prompt, (size_t)n * sizeof *text);
        ok = continue_text(m, text, n, end, state);
    }
    if (ok) {
        const int64_t hidden = m->o->prompt ? 0 : n;
        printf("\nsample:\n");
        chars_print(m->text, text + hidden, end - hidden);
    }
    free(text);
    free(state);
    return ok;
}

/* ---- The program ---- */

static bool keep_model(demo *d, model *m)
{
    tl_checkpoint *c = d->checkpoint;
    for (int k = 0; k < m->net.n_variables; k++)
        if (tl_checkpoint_add_variable(c, m->net.variable[k]) != TL_OK)
            return false;
    static const char panel[] = "bits per character";
    return (m->test = series_new(&d->series, c, panel, "held out")) &&
           (m->training = series_new(&d->series, c, panel, "training")) &&
           (m->trigram = series_new(&d->series, c, panel, "trigram")) &&
           (isnan(m->text->bits) || (m->grammar = series_new(&d->series, c, panel, "the grammar"))) &&
           tl_checkpoint_add_variable(c, m->state) == TL_OK &&
           tl_checkpoint_add_optimizer(c, "adam", m->adam) == TL_OK &&
           tl_checkpoint_add_random(c, "rng", &m->rng) == TL_OK &&
           tl_checkpoint_add_integer(c, "step", &m->step) == TL_OK &&
           tl_checkpoint_add_integer(c, "at", &m->at) == TL_OK &&
           tl_checkpoint_add_number(c, "bits", &m->bits) == TL_OK &&
           tl_checkpoint_add_number(c, "seconds", &m->seconds) == TL_OK;
}

static void print_head(const model *m)
{
    const int64_t cell = m->o->model.cell;
    printf("%" PRId64 " characters, %" PRId32 " different ones; %" PRId64 " held out\n", m->text->n,
           m->text->n_codes, m->text->n - m->text->n_train);
    printf("%s: %" PRId64 " weights, %" PRId64 " of them %s, of %" PRId64 "\n", predictor_cells[cell],
           predictor_weights(&m->net), predictor_connections(&m->net),
           cell == TRANSFORMER ? "feed-forward" : "recurrent", predictor_places(&m->net));
    fflush(stdout);
}

static void report(demo *d, const model *m)
{
    const char *cell = predictor_cells[m->o->model.cell];
    const double each = 1e3 * m->seconds / (double)m->step;
    printf("\nbits per character of what is held out:\n  %-12s %.4f\n  %-12s %.4f  (%.2f ms a step)\n",
           "trigram", m->trigram_bits, cell, m->bits, each);
    if (!isnan(m->text->bits))
        printf("  %-12s %.4f\n", "the grammar", m->text->bits);
    result_text(&d->results, "cell", cell);
    result_number(&d->results, "density", m->o->model.density);
    result_integer(&d->results, "weights", predictor_weights(&m->net));
    result_integer(&d->results, "connections", predictor_connections(&m->net));
    result_number(&d->results, "bits_per_character", m->bits);
    result_number(&d->results, "trigram", m->trigram_bits);
    result_integer(&d->results, "bits", hash_of(m->net.variable, m->net.n_variables));
    result_number(&d->results, "ms_per_step", each);
    result_end(&d->results);
}

static bool compare(demo *d, const model *m)
{
    const double own = isnan(m->text->bits) ? 0.9 * m->trigram_bits : (m->trigram_bits + m->text->bits) / 2;
    const double goal = isnan(m->o->common.goal) ? own : m->o->common.goal;
    return demo_reached(d, m->bits <= goal, "%.4f bits per character, at most %.4f", m->bits, goal);
}

/* Sets the bits per held-out character of a trigram model of the same text. */
static bool count_trigrams(const chars *c, double *out)
{
    trigrams counts;
    const bool ok = trigram_make(&counts, c->text, c->n_train, c->n_codes);
    if (ok)
        *out = trigram_bits(&counts, c->text, c->n_train, c->n);
    trigram_free(&counts);
    return ok;
}

static bool run(demo *d, const options *o, const chars *c, model *m)
{
    int32_t *prompt = NULL;
    int64_t n = 0;
    bool ok = find_prompt(o, c, &prompt, &n) && model_make(m, o, c) && keep_model(d, m) && demo_resume(d) &&
              count_trigrams(c, &m->trigram_bits);
    if (ok)
        print_head(m);
    ok = ok && train(d, m);
    if (ok)
        report(d, m);
    ok = ok && (o->sample == 0 || print_sample(m, prompt, n)) && compare(d, m);
    free(prompt);
    return ok;
}

int main(int argc, char **argv)
{
    options o = { .common = DEMO_OPTIONS(NAN),
                  .model = { .cell = GRU, .units = 128, .layers = 1, .density = 0.25, .window = 64 },
                  .batch = 16,
                  .steps = 1500,
                  .every = 250,
                  .learning_rate = 0.01,
                  .clip = 1,
                  .sample = 300,
                  .temperature = 0.7 };
    demo d = {
        .name = "char_model",
        .about = "Learns to continue a text character by character, by a recurrent network or a transformer "
                 "with sparse weights, and writes a sample. The exit status is 0 if the bits per character "
                 "of the text's held-out end reach the goal.",
        .data = "text to read, UTF-8 (default: made of sentences, sums and brackets)",
        .data_is_file = true,
        .goal = "most bits per character (default: nine tenths of a trigram model's; of the text that it "
                "makes, the mean of a trigram model's and the grammar's)",
        .x_name = "step",
        .examples = "\n--cell transformer --layers 2 --units 64\n"
                    "--data book.txt --units 256 --density 0.1 --svg bits.svg\n"
                    "--data book.txt --temperature 0.5 --prompt 'It was '\n",
        DEMO_FLAGS(flags, o),
    };
    chars c = { 0 };
    model m = { 0 };
    if (!demo_begin(&d, argc, argv))
        return d.status;
    const bool ok = chars_get(&c, o.common.data, o.common.seed) && run(&d, &o, &c, &m);
    const int status = demo_end(&d, ok);
    model_free(&m);
    chars_free(&c);
    return status;
}
