/* The learning rates of a run, before it is started: a schedule is a function of the step. */
#include <stdio.h>
#include <tulle/tulle.h>

int main(void)
{
    const double rate = 0.1;
    const tl_cosine_decay decay = { .steps = 90, .last = 0.001 };
    const tl_warm_up warm_up = { .steps = 10, .then = tl_schedule_cosine, .then_context = &decay };
    for (int64_t step = 1; step <= 100; step += step < 10 ? 3 : 15)
        printf("%3lld  %.4f\n", (long long)step, tl_schedule_warm_up(step, rate, &warm_up));

    tl_optimizer *sgd = tl_sgd((tl_sgd_options){ .learning_rate = rate });
    const tl_status status = tl_optimizer_set_schedule(sgd, tl_schedule_warm_up, &warm_up);
    tl_optimizer_free(sgd);
    return status != TL_OK;
}
