/* Images to PyTorch, weights from it. */
#include "exchange.h"
#include "demo.h"

/* ---- Images ---- */

static tl_safetensor matrix(const char *name, const int64_t dim[2], tl_real *data)
{
    const tl_safetensors_type type = sizeof *data == sizeof(float) ? TL_SAFETENSORS_F32 : TL_SAFETENSORS_F64;
    return (tl_safetensor){
        .name = name, .type = type, .rank = 2, .dim = dim, .size = dim[0] * dim[1], .data = data
    };
}

static tl_safetensor vector(const char *name, const int64_t dim[1], int32_t *data)
{
    return (tl_safetensor){
        .name = name, .type = TL_SAFETENSORS_I32, .rank = 1, .dim = dim, .size = dim[0], .data = data
    };
}

bool images_write(const digits *d, const char *path)
{
    const int64_t pixels = d->height * d->width;
    const int64_t train[] = { d->train.n, pixels }, test[] = { d->test.n, pixels };
    tl_safetensor tensor[] = {
        matrix("train.images", train, d->train.image),
        matrix("test.images", test, d->test.image),
        vector("train.labels", train, d->train.label),
        vector("test.labels", test, d->test.label),
    };
    return tl_safetensors_write(path, &(tl_safetensors){ .n = 4, .tensor = tensor }) == TL_OK;
}

/* ---- Layers ---- */

enum { MOST_MODULES = 100 }; /* of a Sequential: those without weights count, too */

/* Adds the layer of a weight matrix, and returns the number of its outputs; 0 on failure. */
static int64_t add_layer(network *net, int l, int module, const tl_safetensor *t, int64_t inputs,
                         const char *path)
{
    char weight[16], bias[16];
    snprintf(weight, sizeof weight, "%d.weight", module);
    snprintf(bias, sizeof bias, "%d.bias", module);
    if (l > MAX_HIDDEN)
        tl_fail(TL_ERR_FORMAT, "%s: more than %d layers", path, MAX_HIDDEN + 1);
    else if (t->rank != 2 || t->dim[0] < 1)
        tl_fail(TL_ERR_FORMAT, "%s: %s is not a matrix", path, weight);
    else if (t->dim[1] != inputs)
        tl_fail(TL_ERR_FORMAT, "%s: %s is for %" PRId64 " inputs, and %s has %" PRId64, path, weight,
                t->dim[1], l == 0 ? "an image" : "the layer before", inputs);
    else {
        net->n_hidden = l;
        net->weight[l] = tl_variable_dense(weight, TL_SHAPE(t->dim[0], inputs));
        net->bias[l] = tl_variable_dense(bias, TL_SHAPE(t->dim[0]));
        return net->weight[l] && net->bias[l] ? t->dim[0] : 0;
    }
    return 0;
}

static bool make_layers(network *net, const tl_safetensors *file, const char *path, const digits *d)
{
    int64_t inputs = d->height * d->width;
    int layers = 0;
    for (int module = 0; module < MOST_MODULES; module++) {
        char weight[16], sparse[24];
        snprintf(weight, sizeof weight, "%d.weight", module);
        snprintf(sparse, sizeof sparse, "%s.values", weight);
        const int32_t at = tl_safetensors_find(file, weight);
        if (at < 0 && tl_safetensors_find(file, sparse) >= 0)
            return tl_fail(TL_ERR_FORMAT, "%s: %s is sparse already", path, weight) == TL_OK;
        if (at < 0)
            continue;
        inputs = add_layer(net, layers++, module, &file->tensor[at], inputs, path);
        if (inputs == 0)
            return false;
    }
    if (layers == 0)
        return tl_fail(TL_ERR_FORMAT, "%s: there is no 0.weight", path) == TL_OK;
    if (inputs != d->classes)
        return tl_fail(TL_ERR_FORMAT, "%s: the last layer has %" PRId64 " outputs, and there are %d classes",
                       path, inputs, (int)d->classes) == TL_OK;
    return true;
}

static bool load(network *net, const char *path)
{
    tl_variable *list[2 * (MAX_HIDDEN + 1)];
    const tl_load_options o = { .narrow = true };
    return tl_weights_load(path, list, network_variables(net, list), &o, NULL) == TL_OK;
}

bool network_read(network *net, const char *path, const digits *d)
{
    tl_safetensors file;
    *net = (network){ .layout = TL_TRANSPOSE_B };
    if (tl_safetensors_open(path, &file) != TL_OK)
        return false;
    const bool ok = make_layers(net, &file, path, d);
    tl_safetensors_free(&file);
    return ok && load(net, path);
}

/* ---- Sizes ---- */

int64_t network_bytes_saved(const network *net)
{
    int64_t indices = 0;
    for (int l = 0; l <= net->n_hidden; l++)
        if (tl_variable_is_sparse(net->weight[l])) /* pointers to rows, and columns */
            indices += tl_variable_shape(net->weight[l]).dim[0] + 1 + tl_variable_size(net->weight[l]);
    return network_bytes(net) + indices * (int64_t)sizeof(int32_t);
}
