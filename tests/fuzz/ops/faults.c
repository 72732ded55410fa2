/* fuzz_ops_faults OP...: the self-test of the fuzzer of ops. Each fault that is planted in an op is found,
 * with the text that it should have, and the op without a fault passes. Every OP is in the table. */
#include "tests/fuzz/ops/program.h"

#include <sys/wait.h>
#include <unistd.h>

#include "op.h"
#include "ops.h"

typedef enum fault_kind {
    NONE,
    WRONG_TWIN,
    BY_THREADS,
    BY_CALLS,
    WRONG_GRADIENT,
    WRONG_BOTH,
    CHANGES_WEIGHTS,
    READS_EARLY,
    REFUSES,
    LEAKS,
    FAULTS
} fault_kind;

static fault_kind fault;
static int calls;

/* What a finding says. */
static const char *const found[FAULTS] = {
    [WRONG_TWIN] = "the dense twin: step 0: planted",
    [BY_THREADS] = "on 3 threads: step 0: value",
    [BY_CALLS] = "(planted) differs",
    [WRONG_GRADIENT] = "the dense twin: step 0: gradient of v",
    [WRONG_BOTH] = "tl_gradcheck: step 0: gradcheck: v",
    [CHANGES_WEIGHTS] = "a failing call has changed something: planted: on purpose",
    [READS_EARLY] = "on a graph for inference: step 0: ",
    [REFUSES] = "a call of planted is refused: planted: on purpose",
    [LEAKS] = "blocks are left",
};

/* ---- The op: Y = 2 A ---- */

static tl_status shape(tl_node *y)
{
    double *factor = tl_scratch(y, 1, sizeof *factor);
    if (!factor)
        return TL_ERR_MEMORY;
    y->scratch = factor;
    *factor = 2;
    calls++;
    if (fault == BY_THREADS)
        *factor += tl_num_threads();
    if (fault == BY_CALLS)
        *factor += calls;
    if (fault == READS_EARLY && !y->in[0]->val)
        *factor = 3;
    if (fault == LEAKS)
        tl_pattern_random(2, 2, 0.5, 1);
    if (fault == REFUSES || *(int32_t *)y->attr != 0)
        return tl_fail(TL_ERR_ARGUMENT, "on purpose");
    return tl_shape_like(y, y->in[0]);
}

static void forward(tl_node *y)
{
    for (int64_t k = 0; k < y->size; k++)
        y->out[k] = (tl_real) * (double *)y->scratch * y->in[0]->val[k];
}

static void backward(tl_node *y)
{
    const double factor = fault == WRONG_GRADIENT || fault == WRONG_BOTH ? -2 : *(double *)y->scratch;
    for (int64_t k = 0; k < y->size; k++)
        y->in[0]->grad[k] += (tl_real)factor * y->grad[k];
}

static tl_node *planted(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    static const tl_op op = { .name = "planted",
                              .n_in = 1,
                              .in_kind = { TL_ANY },
                              .shape = shape,
                              .forward = forward,
                              .backward = backward };
    if (fault == CHANGES_WEIGHTS && c->axis != 0 && tl_variable_size(w->variable[0]) > 0)
        *tl_variable_data(w->variable[0]) += 1;
    return tl_apply(&op, in, &c->axis, sizeof c->axis);
}

static tl_node *twin(fuzz_world *w, const fuzz_item *c, tl_node *const *in)
{
    return fault == WRONG_BOTH ? planted(w, c, in) : tl_scale(in[0], fault == WRONG_TWIN ? 3 : 2);
}

/* ---- The self-test ---- */

enum { INPUTS = 600, BYTES = 300 };

/* Runs inputs until there is a finding. */
static void run_inputs(void)
{
    static const fuzz_op op = { "planted", tl_fuzz_any, .apply = planted, .dense = twin };
    tl_fuzz_planted = &op;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int k = 0; k < INPUTS; k++) {
        uint8_t bytes[BYTES];
        tl_random r = { .seed = (uint64_t)k };
        for (int i = 0; i < BYTES; i++)
            bytes[i] = (uint8_t)tl_random_integer(&r, 256);
        LLVMFuzzerTestOneInput(bytes, BYTES);
    }
}

/* Removes the input that a finding names, and its folder. */
static void remove_input(char *text)
{
    char *path = strstr(text, "(the input is "), *end = path ? strrchr(path, ')') : NULL;
    if (!end)
        return;
    path += strlen("(the input is ");
    *end = 0;
    unlink(path);
    end = strrchr(path, '/');
    if (end) {
        strcpy(end, "/copy");
        unlink(path);
        *end = 0;
        rmdir(path);
    }
}

/* Plants a fault in a process of its own. Returns whether the finding is the one that it should be. */
static bool is_found(fault_kind kind)
{
    static char text[1 << 16];
    int ends[2], status;
    size_t n = 0;
    FUZZ_CHECK(pipe(ends) == 0);
    const pid_t child = fork();
    FUZZ_CHECK(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fault = kind;
        run_inputs();
        exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    for (ssize_t more; n < sizeof text - 1 && (more = read(ends[0], text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)more;
    text[n] = 0;
    close(ends[0]);
    FUZZ_CHECK(waitpid(child, &status, 0) == child);
    const bool as_it_should = kind == NONE ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                                           : WIFSIGNALED(status) && strstr(text, found[kind]) != NULL;
    if (!as_it_should)
        fprintf(stderr, "fault %d: status %d, expected \"%s\", got: %s\n", (int)kind, status,
                kind == NONE ? "" : found[kind], text);
    remove_input(text);
    return as_it_should;
}

static bool is_in_table(const char *name)
{
    for (int32_t k = 0; tl_fuzz_op(k); k++)
        if (strcmp(tl_fuzz_op(k)->name, name) == 0)
            return true;
    fprintf(stderr, "%s is not in the table of tests/fuzz/ops\n", name);
    return false;
}

int main(int n, char **argument)
{
    bool all = true;
    for (int k = 1; k < n; k++)
        all = is_in_table(argument[k]) && all;
    for (fault_kind kind = NONE; kind < FAULTS; kind++)
        if (kind != WRONG_BOTH || sizeof(tl_real) == sizeof(double)) /* which is compared in double */
            all = is_found(kind) && all;
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
