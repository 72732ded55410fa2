/* The methods. */
#include "methods.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Dense storage with a permanent mask, or sparse storage. The optimizer keeps its state of the weights that
 * stay; that of the others is cleared or gone. */
static bool prune(trainee *t, double density)
{
    return network_prune(&t->net, density);
}

static bool make_sparse(trainee *t)
{
    return network_make_sparse(&t->net, t->net.n_hidden);
}

/* A transform, which reads the patterns in every step: a removal or a checkpoint replaces them. */
static tl_status mask_gradients(tl_gradients *g, void *context)
{
    const trainee *t = context;
    tl_gradient_mask mask[MAX_HIDDEN];
    for (int l = 0; l < t->net.n_hidden; l++)
        mask[l] = (tl_gradient_mask){ t->net.weight[l], tl_variable_pattern(t->kept[l]) };
    return tl_mask_gradients(g, &(tl_gradient_masks){ mask, t->net.n_hidden });
}

static bool keep_all(trainee *t)
{
    for (int l = 0; l < t->net.n_hidden; l++) {
        const tl_shape shape = tl_variable_shape(t->net.weight[l]);
        char name[64];
        snprintf(name, sizeof name, "%s/kept%d", t->method->name, l + 1);
        if (!(t->kept[l] = sparse_full(name, shape.dim[0], shape.dim[1])))
            return false;
    }
    return tl_optimizer_add_transform(t->optimizer, mask_gradients, t) == TL_OK;
}

/* Sets all but the largest weights to 0, and *kept to their pattern. A copy is pruned, not the variable
 * itself, so that the optimizer keeps its state of all of them. */
static bool zero_smallest(tl_variable *w, double density, tl_variable *kept)
{
    const int64_t n = llround(density * (double)tl_variable_size(w));
    const size_t bytes = (size_t)tl_variable_size(w) * sizeof(tl_real);
    tl_variable *copy = tl_variable_dense(NULL, tl_variable_shape(w));
    bool ok = copy != NULL;
    if (ok) {
        memcpy(tl_variable_data(copy), tl_variable_values(w), bytes);
        ok = tl_variable_prune_by_magnitude(copy, n) == TL_OK;
    }
    if (ok && tl_variable_pattern(copy)) {
        memcpy(tl_variable_data(w), tl_variable_values(copy), bytes);
        ok = tl_variable_set_pattern(kept, tl_variable_pattern(copy)) == TL_OK;
    }
    tl_variable_free(copy);
    return ok;
}

/* The published recipe: sets the removed weights to zero, and masks their gradients from then on. The
 * optimizer's moments of the removed weights are what revives them. */
static bool mask_the_gradients(trainee *t, double density)
{
    for (int l = 0; l < t->net.n_hidden; l++)
        if (!zero_smallest(t->net.weight[l], density, t->kept[l]))
            return false;
    return true;
}

const method methods[N_METHODS + 1] = {
    { "dense", "nothing is removed: for reference", NULL, NULL, false },
    { "mask-gradients", "removed weights are set to 0, and their gradients from then on", keep_all,
      mask_the_gradients, false },
    { "set-mask", "dense storage with a permanent mask", NULL, prune, true },
    { "sparse", "only the kept connections exist", make_sparse, prune, true },
    { NULL, NULL, NULL, NULL, false },
};
