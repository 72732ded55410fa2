/* Printing of graphs as text and as Graphviz DOT. */
#include "dump.h"
#include "describe.h"
#include "graph/tape/tape.h"

#include <errno.h>
#include <string.h>

/* Prints "784x300"; for a sparse node "784x300, 23520 entries (10 %)", for a masked variable "784x300, 23520
 * kept (10 %)". */
static void print_shape(const tl_node *a, FILE *out)
{
    const tl_pattern *p = a->variable ? a->variable->pattern : a->pattern;
    fprintf(out, "%s", tl_shape_text(a->shape).text);
    if (!p)
        return;
    const double cells = (double)tl_pattern_rows(p) * (double)tl_pattern_cols(p);
    fprintf(out, ", %lld %s (%.3g %%)", (long long)tl_pattern_nnz(p),
            a->kind == TL_SPARSE ? "entries" : "kept",
            cells > 0 ? 100 * (double)tl_pattern_nnz(p) / cells : 0.0);
}

/* Returns the name of a node's variable or op, or "input". */
static const char *name_of(const tl_node *a)
{
    return a->variable ? a->variable->name : a->op ? a->op->name : "input";
}

/* Prints text on one line; `escaped`: for a DOT string. */
static void print_text(const char *text, bool escaped, FILE *out)
{
    for (; *text; text++) {
        if (escaped && (*text == '"' || *text == '\\'))
            fputc('\\', out);
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

/* ---- Attributes ---- */

typedef struct printer {
    FILE *out;
    const char *before; /* each attribute */
    bool escaped;
} printer;

static void print_attribute(const printer *p, const char *attribute, const char *value)
{
    fputs(p->before, p->out);
    print_text(attribute, p->escaped, p->out);
    fputs(" = ", p->out);
    print_text(value, p->escaped, p->out);
}

static void print_integer(void *context, const char *attribute, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    print_attribute(context, attribute, text);
}

static void print_number(void *context, const char *attribute, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%g", value);
    print_attribute(context, attribute, text);
}

static void print_boolean(void *context, const char *attribute, bool value)
{
    print_attribute(context, attribute, value ? "true" : "false");
}

static void print_string(void *context, const char *attribute, const char *value)
{
    print_attribute(context, attribute, value);
}

static void print_shape_value(void *context, const char *attribute, tl_shape value)
{
    print_attribute(context, attribute, tl_shape_text(value).text);
}

/* Prints the attributes of a node, `before` in front of each. */
static void print_attributes(const tl_node *a, const char *before, bool escaped, FILE *out)
{
    printer p = { out, before, escaped };
    tl_description to = {
        .context = &p,
        .integer = print_integer,
        .number = print_number,
        .boolean = print_boolean,
        .text = print_string,
        .shape = print_shape_value,
    };
    tl_node_describe(a, &to);
}

/* ---- Graphs ---- */

/* Prints the inputs of the op that failed: "(%3, -)", "?" for one of another graph. */
static void print_failed_inputs(const tl_graph *g, FILE *out)
{
    fprintf(out, "(");
    for (int32_t i = 0; i < g->n_failed_in; i++) {
        fprintf(out, "%s", i == 0 ? "" : ", ");
        if (g->failed_in[i] >= 0)
            fprintf(out, "%%%d", (int)g->failed_in[i]);
        else
            fprintf(out, "%s", g->failed_in[i] == TL_ABSENT ? "-" : "?");
    }
    fprintf(out, ")");
}

static tl_status finish(FILE *out, const char *who)
{
    if (fflush(out) != 0 || ferror(out))
        return tl_fail(TL_ERR_IO, "%s: %s", who, strerror(errno));
    return TL_OK;
}

static tl_status check(const char *who, const tl_graph *g, const FILE *out)
{
    if (!g || !out)
        return tl_fail(TL_ERR_ARGUMENT, "%s: the %s is NULL", who, g ? "file" : "graph");
    return TL_OK;
}

/* Returns whether the op that failed was recorded before: it ran later, or has no tangent. */
static bool failed_on_tape(const tl_graph *g)
{
    return g->failed_node && (g->failed_node->before || g->first == g->failed_node);
}

tl_status tl_graph_print(const tl_graph *g, FILE *out)
{
    if (check("graph_print", g, out) != TL_OK)
        return TL_ERR_ARGUMENT;
    for (const tl_node *a = g->first; a; a = a->after) {
        fprintf(out, "%%%d = %s", (int)a->number, a->variable ? "variable " : "");
        print_text(name_of(a), false, out);
        for (int32_t i = 0; i < a->n_in; i++) {
            fprintf(out, "%s", i == 0 ? "(" : ", ");
            if (a->in[i])
                fprintf(out, "%%%d", (int)a->in[i]->number);
            else
                fprintf(out, "-");
        }
        fprintf(out, "%s", a->op ? ")" : "");
        print_attributes(a, ", ", false, out);
        fprintf(out, " : ");
        if (a == g->failed_node)
            fprintf(out, "failed");
        else
            print_shape(a, out);
        fprintf(out, "\n");
    }
    if (g->failed && !failed_on_tape(g)) {
        fprintf(out, "%%%d = ", (int)g->n_nodes);
        print_text(g->failed->name ? g->failed->name : "an op", false, out);
        print_failed_inputs(g, out);
        if (g->failed_node)
            print_attributes(g->failed_node, ", ", false, out);
        fprintf(out, " : failed\n");
    }
    if (g->status != TL_OK) {
        fprintf(out, "failed: ");
        print_text(g->error, false, out);
        fprintf(out, "\n");
    }
    return finish(out, "graph_print");
}

tl_status tl_graph_dot(const tl_graph *g, FILE *out)
{
    if (check("graph_dot", g, out) != TL_OK)
        return TL_ERR_ARGUMENT;
    fprintf(out, "digraph tulle {\n  node [fontname=\"sans-serif\", fontsize=11, shape=box, style=rounded];\n"
                 "  edge [color=gray40];\n");
    for (const tl_node *a = g->first; a; a = a->after) {
        const char *look = a->op                  ? ""
                           : !a->variable         ? ", shape=ellipse, style=dashed"
                           : a->kind == TL_SPARSE ? ", style=filled, fillcolor=gold"
                                                  : ", style=filled, fillcolor=khaki";
        fprintf(out, "  n%d [label=\"", (int)a->number);
        print_text(name_of(a), true, out);
        print_attributes(a, "\\n", true, out);
        fprintf(out, "\\n");
        print_shape(a, out);
        fprintf(out, "\"%s];\n", look);
        for (int32_t i = 0; i < a->n_in; i++)
            if (a->in[i])
                fprintf(out, "  n%d -> n%d;\n", (int)a->in[i]->number, (int)a->number);
    }
    if (g->status != TL_OK) {
        fprintf(out, "  failed [label=\"");
        print_text(g->error, true, out);
        fprintf(out, "\", shape=note, color=red];\n");
        for (int32_t i = 0; i < g->n_failed_in; i++)
            if (g->failed_in[i] >= 0)
                fprintf(out, "  n%d -> failed;\n", (int)g->failed_in[i]);
    }
    fprintf(out, "}\n");
    return finish(out, "graph_dot");
}
