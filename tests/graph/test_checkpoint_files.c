/* Files of checkpoints: every version, every flipped byte, every failing allocation, a full disk; the run is
 * then as it was. */
#include "tests/graph/checkpoint_fails.h"
#include "tests/graph/training.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

/* Writes the checkpoint again with a note changed (value NULL: left out), or added. */
static void rewrite(const char *key, const char *value)
{
    tl_safetensors s, out;
    tl_safetensors_note note[200];
    ck_assert_ok(tl_safetensors_read(path, &s));
    out = (tl_safetensors){ .n = s.n, .tensor = s.tensor, .note = note };
    for (int32_t k = 0; k < s.n_notes; k++)
        if (strcmp(s.note[k].key, key) != 0)
            note[out.n_notes++] = s.note[k];
    if (value)
        note[out.n_notes++] = (tl_safetensors_note){ key, value };
    ck_assert_ok(tl_safetensors_write(path, &out));
    tl_safetensors_free(&s);
}

START_TEST(versions)
{
    int64_t i = 5;
    tl_checkpoint *c = tl_checkpoint_new();
    ck_assert_ok(tl_checkpoint_add_integer(c, "i", &i));
    ck_assert_ok(tl_checkpoint_save(c, path));
    char text[200];
    snprintf(text, sizeof text, "format version 2, and tulle %s reads up to 1", tl_version());
    rewrite("format_version", "2");
    assert_load_fails(c, TL_ERR_ARGUMENT, text);
    snprintf(text, sizeof text, "format version 10.3, and tulle %s reads up to 1", tl_version());
    rewrite("format_version", "10.3");
    assert_load_fails(c, TL_ERR_ARGUMENT, text);
    rewrite("format_version", "x");
    assert_load_fails(c, TL_ERR_FORMAT, "format_version x is no number from 1 on");
    rewrite("format_version", NULL);
    assert_load_fails(c, TL_ERR_FORMAT, "this is no checkpoint: there is no format_version");
    rewrite("format_version", "1.7"); /* with keys that this version does not know */
    rewrite("optimizer/future", "7");
    rewrite("something else", "7");
    i = 0;
    ck_assert_ok(tl_checkpoint_load(c, path));
    ck_assert_int_eq(i, 5);
    rewrite("kernels", "sse2");
    ck_assert_ok(tl_checkpoint_load(c, path));
    snprintf(text, sizeof text, "saved by sse2 kernels, and this machine has %s: last bits differ\n",
             tl_kernel_level());
    ck_assert_str_eq(tl_checkpoint_warnings(c), text);
    unlink(path);
    assert_load_fails(c, TL_ERR_IO, strerror(ENOENT));
    ck_assert_str_eq(tl_checkpoint_warnings(c), text); /* of the last that succeeded */
    tl_checkpoint_free(c);
}
END_TEST

/* A small run: a sparse and a masked variable, Adam with ages, an average. */
typedef struct small {
    tl_variable *v[2];
    tl_optimizer *o;
    tl_ema *e;
    tl_graph *g;
    tl_random r;
    int64_t i;
    tl_checkpoint *c;
} small;

static void small_step(small *s)
{
    tl_node *loss = tl_add(
        tl_reduce_sum(tl_tanh(tl_sparse_to_dense(tl_use(s->g, s->v[0]), NULL)), TL_ALL_AXES),
        tl_reduce_sum(tl_tanh(tl_use(s->g, s->v[1])), TL_ALL_AXES));
    ck_assert_ok(tl_minimize(s->o, loss));
    ck_assert_ok(tl_ema_update(s->e));
    tl_graph_reset(s->g);
    s->i++;
    tl_random_uniform(&s->r);
}

static void small_begin(small *s, uint64_t seed)
{
    tl_pattern *mask = tl_pattern_random(2, 3, 0.5, seed);
    *s = (small){ .v = { tl_test_sparse("s", tl_pattern_random(3, 2, 0.5, seed), seed),
                         tl_test_dense("m", TL_SHAPE(2, 3), seed) },
                  .o = tl_adam((tl_adam_options){ .per_weight_age = true }),
                  .e = tl_ema_new((tl_ema_options){ 0 }),
                  .g = tl_graph_new(),
                  .r = { .seed = seed },
                  .c = tl_checkpoint_new() };
    ck_assert_ok(tl_variable_set_mask(s->v[1], mask));
    tl_pattern_release(mask);
    for (int k = 0; k < 2; k++) {
        ck_assert_ok(tl_ema_add(s->e, s->v[k]));
        ck_assert_ok(tl_checkpoint_add_variable(s->c, s->v[k]));
    }
    tl_optimizer_options own = tl_optimizer_options_for(s->o, s->v[1]);
    own.learning_rate = 1 / (double)(1 + seed);
    ck_assert_ok(tl_optimizer_set_options_for(s->o, s->v[1], own));
    ck_assert_ok(tl_checkpoint_add_optimizer(s->c, "o", s->o));
    ck_assert_ok(tl_checkpoint_add_random(s->c, "r", &s->r));
    ck_assert_ok(tl_checkpoint_add_integer(s->c, "i", &s->i));
}

static void small_end(small *s)
{
    tl_checkpoint_free(s->c);
    tl_graph_free(s->g);
    tl_ema_free(s->e);
    tl_optimizer_free(s->o);
    tl_variable_free(s->v[0]);
    tl_variable_free(s->v[1]);
}

static uint64_t small_hash(small *s)
{
    uint64_t hash = 14695981039346656037u;
    for (int k = 0; k < 2; k++) {
        const size_t n = (size_t)tl_variable_size(s->v[k]) * sizeof(tl_real);
        training_add(&hash, tl_variable_data(s->v[k]), n);
        training_add(&hash, tl_ema_values(s->e, s->v[k]), n);
        const tl_csr p = tl_pattern_csr(tl_variable_pattern(s->v[k]));
        training_add(&hash, p.col, (size_t)p.nnz * sizeof *p.col);
        for (int32_t slot = 0; slot < 2; slot++)
            training_add(&hash, tl_optimizer_slot(s->o, s->v[k], slot), n);
    }
    const int64_t steps[] = { s->i, tl_optimizer_steps(s->o, s->v[0]), tl_ema_steps(s->e) };
    const double rate = tl_optimizer_options_for(s->o, s->v[1]).learning_rate;
    training_add(&hash, &rate, sizeof rate);
    training_add(&hash, steps, sizeof steps);
    training_add(&hash, &s->r, sizeof s->r);
    return hash;
}

/* One bit of every byte, and every length. Nothing changes, down to the arrays. */
START_TEST(damage)
{
    small saved, s;
    small_begin(&saved, 1);
    small_step(&saved);
    ck_assert_ok(tl_checkpoint_save(saved.c, path));
    static unsigned char bytes[1 << 14];
    const size_t n = get_file(path, bytes, sizeof bytes);
    small_begin(&s, 2);
    small_step(&s);
    small_step(&s);
    const uint64_t before = small_hash(&s);
    const tl_real *const data = tl_variable_data(s.v[0]);
    const int file = open(path, O_WRONLY);
    for (size_t k = 0; k < n; k++) {
        const unsigned char damaged = (unsigned char)(bytes[k] ^ 1 << (k + k / 8) % 8);
        ck_assert_int_eq(pwrite(file, &damaged, 1, (off_t)k), 1);
        const tl_status status = tl_checkpoint_load(s.c, path);
        ck_assert_msg(status == TL_ERR_FORMAT, "byte %d: %s: %s", (int)k, tl_status_name(status), tl_error());
        ck_assert_int_eq(pwrite(file, &bytes[k], 1, (off_t)k), 1);
    }
    for (size_t k = n; k-- > 0;) {
        ck_assert_int_eq(ftruncate(file, (off_t)k), 0);
        ck_assert_int_eq(tl_checkpoint_load(s.c, path), TL_ERR_FORMAT);
    }
    close(file);
    ck_assert_uint_eq(small_hash(&s), before);
    ck_assert_ptr_eq(tl_variable_data(s.v[0]), data);
    put(path, bytes, n);
    ck_assert_ok(tl_checkpoint_load(s.c, path));
    ck_assert_uint_eq(small_hash(&s), small_hash(&saved));
    small_end(&s);
    small_end(&saved);
}
END_TEST

/* Each allocation fails in turn. After a failed save the old file stands; after a failed load nothing
 * changed. */
START_TEST(failing_allocations)
{
    small saved, s;
    small_begin(&saved, 1);
    small_step(&saved);
    int64_t k = 1;
    unlink(path);
    for (tl_status status = TL_ERR_MEMORY; status != TL_OK; k++) {
        const int64_t live = tl_test_live_blocks();
        tl_test_fail_allocation(k);
        status = tl_checkpoint_save(saved.c, path);
        tl_test_fail_allocation(0);
        ck_assert(status == TL_OK || (status == TL_ERR_MEMORY && access(path, F_OK) != 0));
        ck_assert_int_eq(tl_test_live_blocks(), live);
    }
    ck_assert_int_gt(k, 10);
    small_begin(&s, 2);
    const uint64_t before = small_hash(&s);
    k = 1;
    for (tl_status status = TL_ERR_MEMORY; status != TL_OK; k++) {
        const int64_t live = tl_test_live_blocks();
        tl_test_fail_allocation(k);
        status = tl_checkpoint_load(s.c, path);
        tl_test_fail_allocation(0);
        if (status == TL_OK)
            break;
        ck_assert_int_eq(status, TL_ERR_MEMORY);
        ck_assert_int_eq(tl_test_live_blocks(), live);
        ck_assert_uint_eq(small_hash(&s), before);
    }
    ck_assert_int_gt(k, 20);
    ck_assert_uint_eq(small_hash(&s), small_hash(&saved));
    small_end(&s);
    small_end(&saved);
}
END_TEST

START_TEST(full_disk)
{
    small s;
    struct rlimit before;
    small_begin(&s, 1);
    ck_assert_ok(tl_checkpoint_save(s.c, path));
    small_step(&s);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1000, before.rlim_max });
    char whole[700];
    snprintf(whole, sizeof whole, "%s: not saved, the old file stands: %s", path, strerror(EFBIG));
    assert_save_fails(s.c, TL_ERR_IO, whole);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_ok(tl_checkpoint_load(s.c, path));
    ck_assert_int_eq(s.i, 0);
    small_end(&s);
}
END_TEST

Suite *tl_test_suite(void)
{
    Suite *s = suite_create("checkpoint_files");
    TCase *c = tl_test_case(s, "checkpoint_files");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_add_test(c, versions);
    tcase_add_test(c, damage);
    tcase_add_test(c, failing_allocations);
    tcase_add_test(c, full_disk);
    return s;
}
