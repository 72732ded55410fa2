/* Results and gradients of the ops: those of PyTorch, which torch/make_ops.py wrote down. */
#include "tests/testing.h"
#include "tests/torch/ops.h"

#include "safetensors.h"

#include <math.h>
#include <string.h>

#define TORCH_FILE TL_SOURCE_ROOT "/tests/data/torch_ops.safetensors"

/* Relative to a value, or to FLOOR if it is smaller: sums of some ten terms of size 1 cancel. */
#define TOLERANCE (TL_IS_DOUBLE ? 1e-13 : 1e-5)
#define FLOOR     0.0625

/* What is left to read of an op: the text of its samples, their inputs and their results. */
typedef struct reader {
    const char *text;
    const tl_safetensor *in, *out;
    int64_t in_at, out_at;
} reader;

static double next_in(reader *r)
{
    ck_assert_int_lt(r->in_at, r->in->size);
    return tl_safetensors_get(r->in, r->in_at++);
}

static double next_out(reader *r)
{
    ck_assert_int_lt(r->out_at, r->out->size);
    return tl_safetensors_get(r->out, r->out_at++);
}

/* Takes a shape from the text, "3x5" or "scalar", and the letter that follows it, if one does. */
static tl_shape next_shape(reader *r, char *kind)
{
    tl_shape shape = { 0, { 0 } };
    r->text += strspn(r->text, " >");
    if (strncmp(r->text, "scalar", 6) == 0)
        r->text += 6;
    for (char *end; *r->text >= '0' && *r->text <= '9'; r->text = *end == 'x' ? end + 1 : end)
        shape.dim[shape.rank++] = strtoll(r->text, &end, 10);
    *kind = *r->text == 's' || *r->text == 'n' ? *r->text++ : 'd';
    return shape;
}

static void read_numbers(reader *r, torch_sample *s, int k, int64_t count)
{
    ck_assert_int_le(count, TORCH_NUMBERS);
    s->count[k] = count;
    for (int64_t i = 0; i < count; i++) {
        s->number[k][i] = next_in(r);
        s->integer[k][i] = (int32_t)s->number[k][i];
    }
}

/* Reads a tensor into a variable: a sparse one has entries where the file has no NaN. */
static tl_variable *read_variable(reader *r, tl_shape shape, bool sparse)
{
    const int64_t n = tl_shape_size(shape);
    double *value = malloc((size_t)n * sizeof *value);
    uint8_t *keep = malloc((size_t)n);
    int64_t entries = 0;
    for (int64_t i = 0; i < n; i++) {
        const double x = next_in(r);
        keep[i] = x == x; /* not NaN */
        if (keep[i])
            value[entries++] = x;
    }
    ck_assert(sparse || entries == n);
    tl_pattern *p = sparse ? tl_pattern_from_mask(shape.dim[0], shape.dim[1], keep) : NULL;
    tl_variable *v = sparse ? tl_variable_sparse(NULL, p) : tl_variable_dense(NULL, shape);
    ck_assert_msg(v != NULL, "%s", tl_error());
    for (int64_t i = 0; i < entries; i++)
        tl_variable_data(v)[i] = (tl_real)value[i];
    tl_pattern_release(p);
    free(value);
    free(keep);
    return v;
}

/* Reads n values of the results, and compares. */
static void compare(reader *r, const torch_op *op, int sample, const char *what, const tl_real *actual,
                    int64_t n)
{
    ck_assert_msg(actual != NULL, "%s, sample %d: %s is NULL", op->name, sample, what);
    for (int64_t i = 0; i < n; i++) {
        const double expected = next_out(r), error = fabs((double)actual[i] - expected);
        ck_assert_msg(error <= TOLERANCE * fmax(FLOOR, fabs(expected)),
                      "%s, sample %d: %s[%d] is %.17g, not %.17g: off by %g", op->name, sample, what, (int)i,
                      (double)actual[i], expected, error / fabs(expected));
    }
}

/* Compares a gradient, which is 0 where it is absent. */
static void compare_gradient(reader *r, const torch_op *op, int sample, int k, const tl_gradient *pair)
{
    const int64_t n = tl_variable_size(pair->variable),
                  cols = tl_shape_cols(tl_variable_shape(pair->variable));
    const char what[] = { 'd', (char)('a' + k), 0 };
    tl_real *whole = calloc((size_t)n, sizeof *whole);
    for (int64_t i = 0; pair->rows && i < pair->n_rows; i++)
        memcpy(whole + pair->rows[i] * cols, pair->values + i * cols, (size_t)cols * sizeof *whole);
    if (pair->values && !pair->rows)
        memcpy(whole, pair->values, (size_t)n * sizeof *whole);
    compare(r, op, sample, what, whole, n);
    free(whole);
}

/* Returns the sum of y times the gradient that the file has for it. */
static tl_node *loss_of(reader *r, tl_graph *g, tl_node *y, int64_t n)
{
    tl_real *upstream = malloc((size_t)n * sizeof *upstream), *spread = NULL;
    for (int64_t i = 0; i < n; i++)
        upstream[i] = (tl_real)next_in(r);
    if (tl_pattern_of(y))
        spread = tl_test_expand(tl_pattern_of(y), upstream);
    tl_node *weight = tl_constant(g, tl_shape_of(y), spread ? spread : upstream);
    free(upstream);
    free(spread);
    return tl_reduce_sum(tl_mul(y, weight), TL_ALL_AXES);
}

/* Reads the inputs, up to the '>', and returns the number of variables. */
static int32_t read_inputs(reader *r, torch_sample *s, tl_variable **vars)
{
    int32_t n = 0;
    for (int k = 0; *(r->text += strspn(r->text, "; ")) != '>'; k++) {
        char kind;
        const tl_shape shape = next_shape(r, &kind);
        ck_assert_int_lt(k, TORCH_INPUTS);
        if (kind == 'n') {
            read_numbers(r, s, k, shape.dim[0]);
        } else {
            vars[n] = read_variable(r, shape, kind == 's');
            s->in[k] = tl_use(s->graph, vars[n++]);
        }
    }
    return n;
}

static tl_node *call(const torch_op *op, torch_sample *s)
{
    if (op->unary)
        return op->unary(s->in[0]);
    if (op->binary)
        return op->binary(s->in[0], s->in[1]);
    if (op->with_number)
        return op->with_number(s->in[0], (tl_real)s->number[1][0]);
    return op->along_axis ? op->along_axis(s->in[0], s->integer[1][0]) : op->build(s);
}

static void run_sample(reader *r, const torch_op *op, int sample)
{
    char kind;
    tl_variable *vars[TORCH_INPUTS];
    torch_sample s = { .graph = tl_graph_new() };
    const int32_t n = read_inputs(r, &s, vars);
    tl_node *y = call(op, &s);
    ck_assert_msg(y != NULL, "%s, sample %d: %s", op->name, sample, tl_graph_error(s.graph));
    const tl_shape shape = next_shape(r, &kind);
    ck_assert_str_eq(tl_shape_text(tl_shape_of(y)).text, tl_shape_text(shape).text);
    const int64_t size = tl_pattern_of(y) ? tl_pattern_nnz(tl_pattern_of(y)) : tl_shape_size(shape);
    compare(r, op, sample, "y", tl_value(y), size);
    tl_gradients all;
    ck_assert_ok(tl_backward_for(loss_of(r, s.graph, y, size), vars, n, &all));
    for (int32_t k = 0; k < n; k++)
        compare_gradient(r, op, sample, k, &all.pair[k]);
    tl_graph_free(s.graph);
    for (int32_t k = 0; k < n; k++)
        tl_variable_free(vars[k]);
    for (int k = 0; k < 2; k++)
        tl_variable_free(s.moment[k]);
}

START_TEST(as_pytorch)
{
    const torch_op *op = &torch_ops[_i];
    char in[64], out[64];
    tl_safetensors file;
    snprintf(in, sizeof in, "%s.in", op->name);
    snprintf(out, sizeof out, "%s.out", op->name);
    ck_assert_ok(tl_safetensors_read(TORCH_FILE, &file));
    const int32_t in_at = tl_safetensors_find(&file, in), out_at = tl_safetensors_find(&file, out);
    ck_assert_msg(in_at >= 0 && out_at >= 0, "%s: not in the file", op->name);
    reader r = { tl_safetensors_note_of(&file, op->name), &file.tensor[in_at], &file.tensor[out_at], 0, 0 };
    int samples = 0;
    for (; *r.text; samples++)
        run_sample(&r, op, samples);
    ck_assert_int_ge(samples, 3);
    ck_assert_int_eq(r.in_at, r.in->size);
    ck_assert_int_eq(r.out_at, r.out->size);
    tl_safetensors_free(&file);
}
END_TEST

START_TEST(every_op_of_the_file_is_compared)
{
    tl_safetensors file;
    ck_assert_ok(tl_safetensors_open(TORCH_FILE, &file));
    ck_assert_int_eq(file.n, 2 * TORCH_OPS);
    tl_safetensors_free(&file);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("torch_ops");
    TCase *c = tl_test_case(s, "torch_ops");
    tcase_add_loop_test(c, as_pytorch, 0, TORCH_OPS);
    tcase_add_test(c, every_op_of_the_file_is_compared);
    return s;
}
