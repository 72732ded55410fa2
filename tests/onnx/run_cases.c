/* Runs ONNX's test cases.
 *
 *     run_cases --ops     prints the operators that it knows, a line each
 *     run_cases FILE      runs the cases of a file that convert.py wrote
 *
 * A line per case: "passed NAME", "skipped NAME: why" or "differs NAME: where"; also one per op that says
 * it is an operator none of whose cases passes with it. The exit status is 1 if anything differs. */
#include "case.h"
#include "names.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The results of the cases are computed in float, in sums of up to 100 terms. */
#define TOLERANCE 2e-6

static const onnx_op *const tables[] = { onnx_elementwise, onnx_layers,     onnx_losses, onnx_moves,
                                         onnx_recurrent,   onnx_reductions, onnx_steps,  onnx_windows };

enum { TABLES = sizeof tables / sizeof *tables };

static const onnx_op *find_op(const char *name)
{
    for (int t = 0; t < TABLES; t++)
        for (const onnx_op *op = tables[t]; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

/* ---- Programs ---- */

/* Returns the value of this name, which is new unless a line before had it; NULL for "-", an absent one. */
static onnx_value *value_of(onnx_case *c, const char *name)
{
    char whole[256];
    for (int k = 0; k < c->n_values; k++)
        if (strcmp(c->value[k].name, name) == 0)
            return &c->value[k];
    if (strcmp(name, "-") == 0 || c->n_values == ONNX_VALUES)
        return NULL;
    snprintf(whole, sizeof whole, "%s/%s", c->name, name);
    const int32_t at = tl_safetensors_find(c->file, whole);
    onnx_value *v = &c->value[c->n_values++];
    *v = (onnx_value){ .name = name, .tensor = at >= 0 ? &c->file->tensor[at] : NULL };
    return v;
}

/* Takes a line apart: the op, its attributes, ':', its inputs, '>' and its results. */
static void parse(onnx_case *c, char *line)
{
    char *state = NULL, part = 0;
    c->op = strtok_r(line, " ", &state);
    c->n_attributes = c->n_in = c->n_out = 0;
    for (char *word; (word = strtok_r(NULL, " ", &state));) {
        if (strcmp(word, ":") == 0 || strcmp(word, ">") == 0)
            part = *word;
        else if (part == 0 && c->n_attributes < ONNX_ARGUMENTS)
            c->attribute[c->n_attributes++] = word;
        else if (part == ':' && c->n_in < ONNX_ARGUMENTS)
            c->in[c->n_in++] = value_of(c, word);
        else if (part == '>' && c->n_out < ONNX_ARGUMENTS)
            c->out[c->n_out++] = value_of(c, word);
    }
}

static void run_node(onnx_case *c)
{
    const onnx_op *op = find_op(c->op);
    if (!op)
        onnx_refuse(c, "is not an op of ours");
    else if (op->unary)
        onnx_set(c, 0, op->unary(onnx_in(c, 0)));
    else if (op->binary && onnx_is_integer(c, 0))
        onnx_refuse(c, "of integers rounds or wraps around");
    else if (op->binary)
        onnx_set(c, 0, op->binary(onnx_in(c, 0), onnx_in(c, 1)));
    else
        onnx_set(c, 0, op->run(c));
}

/* ---- Comparison ---- */

/* Compares a result with what the file expects, and says where they differ; "" if they do not. */
static void compare(const onnx_value *v, char *text, size_t size)
{
    const tl_safetensor *t = v->tensor;
    const tl_shape shape = tl_shape_of(v->node), expected = tl_shape_from(t->rank, t->dim);
    const tl_real *y = tl_value(v->node);
    if (!y || !tl_shape_equal(shape, expected)) {
        snprintf(text, size, "%s is %s, not %s", v->name, y ? tl_shape_text(shape).text : "not computed",
                 tl_shape_text(expected).text);
        return;
    }
    for (int64_t k = 0; k < t->size; k++) {
        const double a = (double)y[k], b = tl_safetensors_get(t, k);
        const bool same = a == b || (isnan(a) && isnan(b));
        if (!same && !(fabs(a - b) <= TOLERANCE * fmax(1, fabs(b)))) {
            snprintf(text, size, "%s[%d] is %.9g, not %.9g", v->name, (int)k, a, b);
            return;
        }
    }
}

/* Compares all results that a last line names. */
static void compare_all(onnx_case *c, char *names, char *text, size_t size)
{
    char *state = NULL;
    if (tl_graph_error(c->graph)[0])
        snprintf(text, size, "%s", tl_graph_error(c->graph));
    for (char *name = strtok_r(names, " ", &state); name && !text[0]; name = strtok_r(NULL, " ", &state))
        compare(value_of(c, name), text, size);
}

/* ---- Cases ---- */

typedef struct counts {
    int passed, skipped, differ;
    onnx_names names;
} counts;

static void run_case(tl_safetensors *file, const tl_safetensors_note *note, counts *n)
{
    onnx_case c = { .file = file, .name = note->key, .graph = tl_graph_new() };
    char *program = malloc(strlen(note->value) + 1), *state = NULL, differs[256] = "";
    strcpy(program, note->value);
    for (char *line = strtok_r(program, "\n", &state); line && !c.reason[0];
         line = strtok_r(NULL, "\n", &state)) {
        if (strncmp(line, "expect ", 7) == 0) {
            compare_all(&c, line + 7, differs, sizeof differs);
        } else {
            parse(&c, line);
            run_node(&c);
        }
    }
    if (c.reason[0] && ++n->skipped)
        printf("skipped %s: %s\n", c.name, c.reason);
    else if (differs[0] && ++n->differ)
        printf("differs %s: %s\n", c.name, differs);
    else if (++n->passed)
        printf("passed %s\n", c.name);
    if (!c.reason[0] && !differs[0])
        onnx_collect_names(&n->names, c.graph, note->value);
    tl_graph_free(c.graph);
    for (int k = 0; k < c.n_owned; k++)
        tl_variable_free(c.owned[k]);
    free(program);
}

static int run_file(const char *path)
{
    tl_safetensors file;
    counts n = { 0 };
    if (tl_safetensors_read(path, &file) != TL_OK)
        return fprintf(stderr, "%s\n", tl_error()), 1;
    for (int32_t k = 0; k < file.n_notes; k++)
        run_case(&file, &file.note[k], &n);
    n.differ += onnx_check_names(&n.names, &file);
    tl_safetensors_free(&file);
    return n.differ > 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--ops") != 0)
        return run_file(argv[1]);
    if (argc != 2)
        return fprintf(stderr, "usage: %s --ops | FILE\n", argv[0]), 2;
    for (int t = 0; t < TABLES; t++)
        for (const onnx_op *op = tables[t]; op->name; op++)
            puts(op->name);
    return 0;
}
