/* Descriptions of ops: from an op's `describe` to a receiver. */
#include "describe.h"

#include "graph/tape/tape.h"

void tl_describe_name(tl_description *to, const char *name)
{
    if (to && to->name && name)
        to->name(to->context, name);
}

void tl_describe_integer(tl_description *to, const char *attribute, int64_t value)
{
    if (to && to->integer && attribute)
        to->integer(to->context, attribute, value);
}

void tl_describe_number(tl_description *to, const char *attribute, double value)
{
    if (to && to->number && attribute)
        to->number(to->context, attribute, value);
}

void tl_describe_boolean(tl_description *to, const char *attribute, bool value)
{
    if (to && to->boolean && attribute)
        to->boolean(to->context, attribute, value);
}

void tl_describe_text(tl_description *to, const char *attribute, const char *value)
{
    if (to && to->text && attribute && value)
        to->text(to->context, attribute, value);
}

void tl_describe_shape(tl_description *to, const char *attribute, tl_shape value)
{
    if (to && to->shape && attribute)
        to->shape(to->context, attribute, value);
}

tl_node *tl_graph_first(const tl_graph *g)
{
    return g ? g->first : NULL;
}

tl_node *tl_node_next(const tl_node *a)
{
    return a ? a->after : NULL;
}

int32_t tl_node_number(const tl_node *a)
{
    return a ? a->number : -1;
}

tl_variable *tl_variable_of(const tl_node *a)
{
    return a ? a->variable : NULL;
}

tl_status tl_node_describe(const tl_node *a, tl_description *to)
{
    if (!a || !to)
        return tl_fail(TL_ERR_ARGUMENT, "node_describe: the %s is NULL", a ? "description" : "node");
    if (a->op && a->op->describe)
        a->op->describe(a, to);
    return TL_OK;
}
