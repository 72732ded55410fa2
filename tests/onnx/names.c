/* Collects what ops say they are. */
#include "names.h"

#include "describe.h"

#include <stdio.h>
#include <string.h>

static void copy_name(void *context, const char *name)
{
    onnx_name *to = context;
    snprintf(to->stated, sizeof to->stated, "%s", name);
}

/* Returns whether a program begins with a node of this operator. */
static bool begins_with(const char *program, const char *operator)
{
    const size_t length = strlen(operator);
    return strncmp(program, operator, length) == 0 && program[length] == ' ';
}

/* Returns the entry of this op, which may be new; NULL if there are too many. */
static onnx_name *entry_of(onnx_names *names, const onnx_name *wanted)
{
    for (int k = 0; k < names->n; k++)
        if (strcmp(names->name[k].op, wanted->op) == 0)
            return &names->name[k];
    if (names->n == ONNX_NAMES)
        return NULL;
    names->name[names->n] = *wanted;
    return &names->name[names->n++];
}

void onnx_collect_names(onnx_names *names, const tl_graph *g, const char *program)
{
    for (const tl_node *a = tl_graph_first(g); a; a = tl_node_next(a)) {
        onnx_name found = { .confirmed = false };
        tl_description to = { .context = &found, .name = copy_name };
        if (!a->op || tl_node_describe(a, &to) != TL_OK || !found.stated[0])
            continue;
        snprintf(found.op, sizeof found.op, "%s", a->op->name);
        onnx_name *entry = entry_of(names, &found);
        if (entry && begins_with(program, found.stated))
            entry->confirmed = true;
    }
}

int onnx_check_names(const onnx_names *names, const tl_safetensors *file)
{
    int unconfirmed = 0;
    for (int k = 0; k < names->n; k++) {
        const onnx_name *name = &names->name[k];
        bool has_cases = false;
        for (int32_t i = 0; i < file->n_notes; i++)
            has_cases = has_cases || begins_with(file->note[i].value, name->stated);
        if (has_cases && !name->confirmed) {
            printf("differs %s: it says that it is %s, and no case of that passed with it\n", name->op,
                   name->stated);
            unconfirmed++;
        }
    }
    return unconfirmed;
}
