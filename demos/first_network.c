/* A first network: only one in ten of the connections of its first layer exists, from the start and for good. */
#include <stdio.h>
#include <tulle/tulle.h>

enum { PIXELS = 784, HIDDEN = 300, CLASSES = 10, SAMPLES = 2000, BATCH = 50, STEPS = 400 };

static tl_real images[SAMPLES][PIXELS];
static int32_t labels[SAMPLES];

/* Each class has a random prototype; its samples are noisy copies of that. */
static void make_data(tl_random *rng)
{
    static double prototype[CLASSES][PIXELS];
    for (int i = 0; i < CLASSES * PIXELS; i++)
        prototype[i / PIXELS][i % PIXELS] = tl_random_normal(rng);
    for (int k = 0; k < SAMPLES; k++) {
        labels[k] = k % CLASSES;
        for (int i = 0; i < PIXELS; i++)
            images[k][i] = (tl_real)(0.1 * prototype[labels[k]][i] + tl_random_normal(rng));
    }
}
