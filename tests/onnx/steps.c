/* ONNX's steps of optimizers. A case gives weights, gradients and slots; ours get them from a checkpoint. */
#include "case.h"

#include "checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Replaces a slot in a checkpoint by input k. */
static void replace_slot(const tl_safetensors *file, int slot, const tl_safetensor *values)
{
    char name[32];
    snprintf(name, sizeof name, "optimizer/o/v/slot%d", slot);
    const int32_t at = tl_safetensors_find(file, name);
    for (int64_t k = 0; at >= 0 && k < values->size; k++)
        ((tl_real *)file->tensor[at].data)[k] = (tl_real)tl_safetensors_get(values, k);
}

/* So many steps are behind the optimizer that corrections of a start from zeros are 1. */
static void replace_steps(const tl_safetensors *file)
{
    for (int32_t k = 0; k < file->n_notes; k++)
        if (strcmp(file->note[k].key, "optimizer/o/step") == 0 ||
            strcmp(file->note[k].key, "optimizer/o/v/t") == 0)
            file->note[k].value = "1000000";
}

/* Puts slots into the optimizer, which has taken a step for v. */
static tl_status set_slots(tl_optimizer *o, tl_variable *v, const tl_safetensor *const *slot, int n)
{
    char path[] = "/tmp/tulle-onnx-XXXXXX";
    const int fd = mkstemp(path);
    tl_safetensors file = { 0 };
    tl_checkpoint *c = tl_checkpoint_new();
    if (fd >= 0)
        close(fd);
    tl_checkpoint_add_variable(c, v);
    tl_checkpoint_add_optimizer(c, "o", o);
    tl_status status = tl_checkpoint_save(c, path);
    if (status == TL_OK)
        status = tl_safetensors_read(path, &file);
    for (int k = 0; status == TL_OK && k < n; k++)
        replace_slot(&file, k, slot[k]);
    replace_steps(&file);
    if (status == TL_OK)
        status = tl_safetensors_write(path, &file);
    if (status == TL_OK)
        status = tl_checkpoint_load(c, path);
    tl_safetensors_free(&file);
    tl_checkpoint_free(c);
    unlink(path);
    return status;
}

/* Steps a weight from the case's state: inputs are the rate, the number of steps, then all weights, all
 * gradients and, one after the other, all of each slot; results are weights and slots. */
static tl_status step(onnx_case *c, tl_optimizer *o, int which, int n, int n_slots)
{
    const tl_safetensor *slot[2] = { onnx_tensor(c, 2 + 2 * n + which), onnx_tensor(c, 2 + 3 * n + which) };
    tl_node *start = onnx_in(c, 2 + which), *slope = onnx_in(c, 2 + n + which);
    const tl_shape shape = tl_shape_of(start);
    tl_variable *v = tl_variable_dense("v", shape);
    tl_gradients all = { &(tl_gradient){ .variable = v, .values = (tl_real *)tl_value(slope) }, 1, c->graph };
    tl_status status = tl_apply_gradients(o, &all); /* for slots, which are then replaced */
    if (status == TL_OK)
        status = set_slots(o, v, slot, n_slots);
    memcpy(tl_variable_data(v), tl_value(start), (size_t)tl_shape_size(shape) * sizeof(tl_real));
    if (status == TL_OK)
        status = tl_apply_gradients(o, &all);
    onnx_set(c, which, tl_constant(c->graph, shape, tl_variable_values(v)));
    for (int k = 0; status == TL_OK && k < n_slots; k++)
        onnx_set(c, n + n * k + which, tl_constant(c->graph, shape, tl_optimizer_slot(o, v, k)));
    tl_variable_free(v);
    return status;
}

/* Steps all weights of the case, each with an optimizer of its own. */
static tl_node *step_all(onnx_case *c, tl_optimizer *(*make)(const onnx_case *c, double rate), int n_slots)
{
    const int n = (c->n_in - 2) / (2 + n_slots);
    const double rate = tl_safetensors_get(onnx_tensor(c, 0), 0);
    tl_status status = TL_OK;
    if (tl_safetensors_get(onnx_tensor(c, 1), 0) != 0)
        return onnx_refuse(c, "is run at step 0 only");
    for (int k = 0; status == TL_OK && k < n; k++) {
        tl_optimizer *o = make(c, rate);
        status = step(c, o, k, n, n_slots);
        tl_optimizer_free(o);
    }
    return status == TL_OK ? c->out[0]->node : NULL;
}

static tl_optimizer *make_adagrad(const onnx_case *c, double rate)
{
    return tl_adagrad((tl_adagrad_options){
        .learning_rate = rate,
        .weight_decay = onnx_real(c, "norm_coefficient", 0),
        .epsilon = onnx_real(c, "epsilon", 1e-6),
    });
}

/* At step 0 ONNX corrects no moment. */
static tl_optimizer *make_adam(const onnx_case *c, double rate)
{
    return tl_adam((tl_adam_options){
        .learning_rate = rate,
        .weight_decay = onnx_real(c, "norm_coefficient", 0),
        .beta1 = onnx_real(c, "alpha", 0.9),
        .beta2 = onnx_real(c, "beta", 0.999),
        .epsilon = onnx_real(c, "epsilon", 1e-6),
    });
}

/* At step 0 ONNX does not damp the gradient. */
static tl_optimizer *make_momentum(const onnx_case *c, double rate)
{
    return tl_sgd((tl_sgd_options){
        .learning_rate = rate,
        .weight_decay = onnx_real(c, "norm_coefficient", 0),
        .momentum = onnx_real(c, "alpha", 0),
        .nesterov = onnx_is(c, "mode", "nesterov"),
    });
}

static tl_node *adagrad(onnx_case *c)
{
    return step_all(c, make_adagrad, 1);
}

static tl_node *adam(onnx_case *c)
{
    return step_all(c, make_adam, 2);
}

static tl_node *momentum(onnx_case *c)
{
    return step_all(c, make_momentum, 1);
}

const onnx_op onnx_steps[] = {
    { "Adagrad", .run = adagrad },
    { "Adam", .run = adam },
    { "Momentum", .run = momentum },
    { .name = NULL },
};
