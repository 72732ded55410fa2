/* A variational autoencoder of digits (Kingma and Welling, 2014), whose large layers are sparse: it codes
 * drawn images, which are shifted and have noise, in a few numbers. All of it is the library's ops. */
#include "tests/models/models.h"

#include <math.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, GLYPH_WIDTH = 5, GLYPH_HEIGHT = 7, DIGITS = 10 };
enum { HIDDEN = 96, CODE = 8, BATCH = 64, STEPS = 2000, TESTED = 6 * BATCH };

/* ---- Images ---- */

static const char font[GLYPH_HEIGHT][DIGITS * (GLYPH_WIDTH + 1) + 1] = {
    " ###    #    ###   ###     #  #####   ##  #####  ###   ###  ",
    "#   #  ##   #   # #   #   ##  #      #        # #   # #   # ",
    "#   #   #       #     #  # #  ####  #        #  #   # #   # ",
    "#   #   #      #    ##  #  #      # ####    #    ###   #### ",
    "#   #   #     #       # #####     # #   #   #   #   #     # ",
    "#   #   #    #    #   #    #  #   # #   #  #    #   #    #  ",
    " ###   ###  #####  ###     #   ###   ###   #     ###   ##   ",
};

static tl_real ink(int digit, int x, int y)
{
    const bool inside = x >= 0 && x < GLYPH_WIDTH && y >= 0 && y < GLYPH_HEIGHT;
    return inside && font[y][digit * (GLYPH_WIDTH + 1) + x] == '#' ? 1 : 0;
}

/* Draws a digit at one of eight places; `noise` of the pixels are the opposite. */
static void draw(int digit, int right, int down, double noise, tl_random *rng, tl_real *image)
{
    for (int k = 0; k < PIXELS; k++) {
        image[k] = ink(digit, k % SIDE - right, k / SIDE - down);
        if (noise > 0 && tl_random_uniform(rng) < noise)
            image[k] = 1 - image[k];
    }
}

static void draw_some(tl_random *rng, int n, tl_real *images, int *digits)
{
    for (int i = 0; i < n; i++) {
        digits[i] = (int)tl_random_integer(rng, DIGITS);
        const int right = (int)tl_random_integer(rng, SIDE - GLYPH_WIDTH + 1);
        const int down = (int)tl_random_integer(rng, SIDE - GLYPH_HEIGHT + 1);
        draw(digits[i], right, down, 0.02, rng, images + i * PIXELS);
    }
}

/* Returns the digit that an image is nearest to, at any place. */
static int read_digit(const tl_real *image)
{
    int best = -1;
    double least = INFINITY;
    for (int d = 0; d < DIGITS; d++)
        for (int place = 0; place < 8; place++) {
            tl_real drawn[PIXELS];
            double distance = 0;
            draw(d, place % 4, place / 4, 0, NULL, drawn);
            for (int k = 0; k < PIXELS; k++)
                distance += (double)((image[k] - drawn[k]) * (image[k] - drawn[k]));
            if (distance < least) {
                least = distance;
                best = d;
            }
        }
    return best;
}

/* ---- The model ---- */

typedef struct autoencoder {
    model m;
    tl_variable *in, *in_bias, *mean, *mean_bias, *log_variance, *log_variance_bias;
    tl_variable *code, *code_bias, *out, *out_bias;
} autoencoder;

static void make_autoencoder(autoencoder *a)
{
    *a = (autoencoder){ .m = { .rng = { .seed = 6 } } };
    a->in = sparse_weights(&a->m, "in", PIXELS, HIDDEN, 0.5);
    a->in_bias = vector(&a->m, "in_bias", HIDDEN, 0);
    a->mean = dense_weights(&a->m, "mean", HIDDEN, CODE);
    a->mean_bias = vector(&a->m, "mean_bias", CODE, 0);
    a->log_variance = dense_weights(&a->m, "log_variance", HIDDEN, CODE);
    a->log_variance_bias = vector(&a->m, "log_variance_bias", CODE, 0);
    a->code = dense_weights(&a->m, "code", CODE, HIDDEN);
    a->code_bias = vector(&a->m, "code_bias", HIDDEN, 0);
    a->out = sparse_weights(&a->m, "out", HIDDEN, PIXELS, 0.5);
    a->out_bias = vector(&a->m, "out_bias", PIXELS, 0);
}

static tl_node *layer(tl_node *x, tl_variable *w, tl_variable *b, tl_graph *g)
{
    return tl_linear(x, tl_use(g, w), tl_use(g, b));
}

/* The code of images: what is known of it, and a sample of that. */
typedef struct coded {
    tl_node *mean, *log_variance, *sample;
} coded;

static coded encode(tl_graph *g, autoencoder *a, tl_node *images)
{
    tl_node *h = tl_relu(layer(images, a->in, a->in_bias, g));
    coded z = { .mean = layer(h, a->mean, a->mean_bias, g),
                .log_variance = layer(h, a->log_variance, a->log_variance_bias, g) };
    tl_real noise[BATCH * CODE];
    for (int k = 0; k < BATCH * CODE; k++)
        noise[k] = (tl_real)tl_random_normal(&a->m.rng);
    tl_node *deviation = tl_exp(tl_scale(z.log_variance, (tl_real)0.5));
    z.sample = tl_add(z.mean, tl_mul(deviation, tl_constant(g, TL_SHAPE(BATCH, CODE), noise)));
    return z;
}

/* Returns the logits of the pixels. */
static tl_node *decode(tl_graph *g, const autoencoder *a, tl_node *z)
{
    return layer(tl_relu(layer(z, a->code, a->code_bias, g)), a->out, a->out_bias, g);
}

/* Returns the negative evidence lower bound, in nats per image: what the pixels cost, given the code, and how
 * far the code is from a standard normal one. */
static tl_node *bound(tl_graph *g, autoencoder *a, tl_node *images)
{
    const coded z = encode(g, a, images);
    tl_node *pixels = tl_scale(tl_sigmoid_cross_entropy(decode(g, a, z.sample), images), PIXELS);
    tl_node *spread = tl_sub(tl_exp(z.log_variance), tl_add_constant(z.log_variance, 1));
    tl_node *code = tl_reduce_mean(tl_add(tl_square(z.mean), spread), TL_ALL_AXES);
    return tl_add(pixels, tl_scale(code, (tl_real)CODE / 2));
}

static void train(autoencoder *a)
{
    static tl_real images[BATCH * PIXELS];
    int digits[BATCH];
    tl_optimizer *adam = tl_adam((tl_adam_options){ .learning_rate = 3e-3 });
    tl_graph *g = tl_graph_new();
    for (int step = 0; step < STEPS; step++) {
        draw_some(&a->m.rng, BATCH, images, digits);
        ck_assert_ok(tl_minimize(adam, bound(g, a, tl_input(g, TL_SHAPE(BATCH, PIXELS), images))));
        tl_graph_reset(g);
    }
    tl_graph_free(g);
    tl_optimizer_free(adam);
}

/* Returns the entropy of the pixels, in nats per image: without a code, no model can do better. */
static double pixels_entropy(const tl_real *images, int n)
{
    double sum = 0;
    for (int k = 0; k < PIXELS; k++) {
        double p = 0;
        for (int i = 0; i < n; i++)
            p += (double)images[i * PIXELS + k] / n;
        sum -= p > 0 && p < 1 ? p * log(p) + (1 - p) * log(1 - p) : 0;
    }
    return sum;
}

/* Of new images: the bound is far below the entropy of the pixels, and the codes keep the digits. */
START_TEST(codes_digits)
{
    static tl_real images[TESTED * PIXELS];
    int digits[TESTED], right = 0;
    double loss = 0;
    autoencoder a;
    make_autoencoder(&a);
    train(&a);
    draw_some(&a.m.rng, TESTED, images, digits);
    tl_graph *g = tl_graph_new_inference();
    for (int i = 0; i < TESTED; i += BATCH) {
        tl_node *batch = tl_input(g, TL_SHAPE(BATCH, PIXELS), images + i * PIXELS);
        loss += (double)tl_value(bound(g, &a, batch))[0];
        const tl_real *p = tl_value(tl_sigmoid(decode(g, &a, encode(g, &a, batch).mean)));
        for (int k = 0; k < BATCH; k++)
            right += read_digit(p + k * PIXELS) == digits[i + k];
        tl_graph_reset(g);
    }
    const double of_pixels = pixels_entropy(images, TESTED), share = (double)right / TESTED;
    loss *= (double)BATCH / TESTED;
    ck_assert_msg(loss < 0.65 * of_pixels, "%g nats, %g without a code", loss, of_pixels);
    ck_assert_msg(share >= 0.95, "%g of the digits", share);
    tl_graph_free(g);
    free_model(&a.m);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("vae");
    TCase *tc = tl_test_case(s, "vae");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, codes_digits);
    return s;
}
