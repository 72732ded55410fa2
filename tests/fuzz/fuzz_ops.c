/* Random programs of ops, in place of files: the input's bytes decide what they are. */
#include "tests/fuzz/ops/program.h"

const char *const tl_fuzz_words[] = { NULL };

tl_status tl_fuzz_read(const char *path, const char *copy)
{
    static uint8_t bytes[1 << 16];
    static fuzz_trace trace;
    FILE *f = fopen(path, "rb");
    FUZZ_CHECK(f);
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)copy;
    fclose(f);
    tl_fuzz_bytes(bytes, n);
    fuzz_program p = { 0 };
    fuzz_world w = { 0 };
    memset(&trace, 0, sizeof trace);
    p.status = tl_fuzz_world_init(&w, &p, "as it is drawn", tl_graph_new());
    w.trace = &trace;
    w.misused = true;
    if (p.status == TL_OK)
        tl_fuzz_draw_program(&p, &w);
    if (p.status == TL_OK)
        p.status = tl_fuzz_run(&w, true);
    if (p.status == TL_OK)
        p.status = tl_fuzz_compare(&p, &w);
    tl_fuzz_world_free(&w);
    tl_fuzz_program_free(&p);
    return p.status;
}

/* Seeds are random bytes. */
bool tl_fuzz_seed(int k, const char *path)
{
    enum { SEEDS = 60, MOST = 600 };
    uint8_t bytes[MOST];
    tl_random r = { .seed = (uint64_t)k };
    for (int i = 0; i < MOST; i++)
        bytes[i] = (uint8_t)tl_random_integer(&r, 256);
    return k < SEEDS && tl_fuzz_put(path, bytes, MOST / 4 + (size_t)k * (MOST - MOST / 4) / SEEDS);
}
