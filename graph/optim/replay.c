/* TL_ROWS_EXACT: before a row is read, the steps that it skipped are replayed with a gradient of 0, by the
 * arithmetic of a dense gradient, so that the bits are the same. */
#include "graph/optim/replay.h"
#include "graph/optim/past.h"
#include "graph/optim/step.h"
#include "lib/sort.h"

#include "parallel.h"

#include <string.h>

/* Returns the step that a row is up to date with. */
static int64_t step_of_row(const tl_slots *s, int64_t row)
{
    const int64_t t = tl_slots_row_step(s)[row];
    return t > s->all_step ? t : s->all_step;
}

/* Rows that are replayed together: the more there are, the more of them have missed about the same number of
 * steps, and can share vectors. */
enum { BATCH = 512, INDEX_BITS = 9 };

/* Rows that have missed steps after `from`. */
typedef struct stale_rows {
    int64_t n, gaps, longest; /* steps since a gradient last named them, of all together and of one */
    int32_t row[BATCH];
    int64_t from[BATCH];
} stale_rows;

/* Collects the stale rows among rows[0 .. n-1] (or first .. first+n-1), n <= BATCH, each once, and marks them
 * as up to date. */
static void collect(tl_slots *s, int64_t n, const int32_t *rows, int64_t first, stale_rows *stale)
{
    int64_t *row_step = tl_slots_row_step(s);
    const bool skip_unused = !s->dense_step_seen && tl_slots_zero_grad(s) == TL_ZERO_GRAD_NOOP_AT_START;
    stale->n = stale->gaps = stale->longest = 0;
    for (int64_t k = 0; k < n; k++) {
        const int64_t row = rows ? rows[k] : first + k, from = step_of_row(s, row);
        if ((skip_unused && row_step[row] == 0) || from >= s->t)
            continue;
        stale->row[stale->n] = (int32_t)row;
        stale->from[stale->n++] = from;
        const int64_t gap = s->t - row_step[row];
        stale->gaps += gap;
        stale->longest = gap > stale->longest ? gap : stale->longest;
        /* Where all rows are replayed, all_step will say the same; but 0 would still mean initial slots. */
        if (rows || row_step[row] == 0)
            row_step[row] = s->t;
    }
}

/* ---- By the function of a step: classes without a kernel, masks, ages ---- */

static void replay_by_steps(tl_slots *s, const stale_rows *stale)
{
    int64_t oldest = s->t;
    for (int64_t k = 0; k < stale->n; k++)
        oldest = stale->from[k] < oldest ? stale->from[k] : oldest;
    for (int64_t t = oldest + 1; t <= s->t; t++) {
        const tl_step step = tl_step_of(s, t, tl_slots_rate(s, t + s->offset));
        for (int64_t k = 0; k < stale->n;) {
            int32_t rows[TL_MAX_STEP_ROWS];
            int64_t n = 0;
            for (; k < stale->n && n < TL_MAX_STEP_ROWS; k++)
                if (stale->from[k] < t)
                    rows[n++] = stale->row[k];
            tl_step_rows(&step, 0, n, rows, NULL);
        }
    }
}

/* ---- By the kernel, several steps at a time ---- */

enum { PACKED = 1024, MOST_STEPS = 1 << 20 };

/* Weights of rows that are together shorter than PACKED, with their slots. Each takes its steps after
 * `from`, which ascends. */
typedef struct packed {
    int64_t n;
    tl_real w[PACKED], slot[TL_MAX_SLOTS][PACKED];
    tl_lane first[PACKED];
} packed;

/* Runs the kernel on `args` for the steps from `from` on. p: NULL, or whose rows they are, each with a step
 * of its own. */
static void run(tl_slots *s, tl_update_args args, int64_t from, packed *p, int64_t rows, const int64_t *own)
{
    tl_update_kernel *kernel = s->optimizer->class->kernel(s->optimizer->options);
    tl_real scratch[TL_PAST_SCRATCH];
    for (int64_t t = from + 1; t <= s->t; t += args.n) {
        args.n = tl_past_constants(s, t, s->t, scratch, &args.constant);
        args.n = args.n < MOST_STEPS ? args.n : MOST_STEPS;
        for (int64_t k = 0, at = 0; k < rows; k++) {
            const int64_t later = own[k] + 1 - t, first = later < 0 ? 0 : later < args.n ? later : args.n;
            for (const int64_t end = at + p->n / rows; at < end; at++)
                p->first[at] = (tl_lane)first;
        }
        kernel(&args);
    }
}

static void replay_wide(tl_slots *s, const stale_rows *stale, int64_t width)
{
    for (int64_t k = 0; k < stale->n; k++) {
        if (k + 1 < stale->n)
            tl_step_prefetch_row(s, stale->row[k + 1], width);
        tl_update_args args = { .width = width,
                                .w = s->companion.variable->data + stale->row[k] * width,
                                .decay = tl_step_decay_of(s) };
        for (int32_t i = 0; i < s->n; i++)
            args.slot[i] = tl_slots_array(s, i) + stale->row[k] * width;
        run(s, args, stale->from[k], NULL, 0, NULL);
    }
}

/* Copies rows into the array, or back. */
static void copy_rows(tl_real *data, tl_real *array, int64_t width, int64_t n, const int32_t *rows, bool back)
{
    for (int64_t k = 0; k < n; k++) {
        tl_real *row = data + rows[k] * width, *at = array + k * width;
        tl_real *to = back ? row : at;
        const tl_real *from = back ? at : row;
        if (width == 1)
            *to = *from;
        else
            memcpy(to, from, (size_t)width * sizeof *to);
    }
}

static void copy_all(tl_slots *s, packed *p, int64_t width, int64_t n, const int32_t *rows, bool back)
{
    if (!back)
        for (int64_t k = 0; k < n; k++)
            tl_step_prefetch_row(s, rows[k], width);
    copy_rows(s->companion.variable->data, p->w, width, n, rows, back);
    for (int32_t i = 0; i < s->n; i++)
        copy_rows(tl_slots_array(s, i), p->slot[i], width, n, rows, back);
}

/* Sorts by `from`: rows that share a vector take about the same steps. */
static void sort(stale_rows *stale)
{
    uint64_t key[BATCH], spare[BATCH];
    int64_t oldest = stale->from[0], newest = oldest;
    for (int64_t k = 1; k < stale->n; k++) {
        oldest = stale->from[k] < oldest ? stale->from[k] : oldest;
        newest = stale->from[k] > newest ? stale->from[k] : newest;
    }
    if (oldest == newest)
        return;
    for (int64_t k = 0; k < stale->n; k++)
        key[k] = (uint64_t)(stale->from[k] - oldest) << INDEX_BITS | (uint64_t)k;
    tl_radix_sort(stale->n, key, spare, INDEX_BITS, INDEX_BITS + tl_bits((uint64_t)(newest - oldest) + 1));
    int32_t row[BATCH];
    memcpy(row, stale->row, (size_t)stale->n * sizeof *row);
    for (int64_t k = 0; k < stale->n; k++) {
        stale->row[k] = row[key[k] & (BATCH - 1)];
        stale->from[k] = oldest + (int64_t)(key[k] >> INDEX_BITS);
    }
}

static void replay_narrow(tl_slots *s, stale_rows *stale, int64_t width)
{
    packed p;
    sort(stale);
    for (int64_t k = 0; k < stale->n;) {
        const int64_t fit = PACKED / width, n = stale->n - k < fit ? stale->n - k : fit;
        const bool alike = stale->from[k] == stale->from[k + n - 1];
        tl_update_args args = {
            .width = n * width, .w = p.w, .decay = tl_step_decay_of(s), .first = alike ? NULL : p.first
        };
        for (int32_t i = 0; i < s->n; i++)
            args.slot[i] = p.slot[i];
        p.n = n * width;
        copy_all(s, &p, width, n, stale->row + k, false);
        run(s, args, stale->from[k], &p, alike ? 0 : n, stale->from + k);
        copy_all(s, &p, width, n, stale->row + k, true);
        k += n;
    }
}

/* n rows, or first .. first+n-1. */
static void replay_batch(tl_slots *s, int64_t n, const int32_t *rows, int64_t first, bool count)
{
    enum { WIDE = 64 }; /* enough vectors to overlap */
    stale_rows stale;
    collect(s, n, rows, first, &stale);
    if (count) {
        s->gaps += stale.gaps;
        s->longest = stale.longest > s->longest ? stale.longest : s->longest;
    }
    const int64_t width = tl_row_width(s->companion.variable);
    if (stale.n == 0 || width == 0)
        return;
    if (!tl_step_has_kernel(s))
        replay_by_steps(s, &stale);
    else if (width >= WIDE)
        replay_wide(s, &stale, width);
    else
        replay_narrow(s, &stale, width);
}

void tl_slots_replay_rows(tl_slots *s, int64_t n, const int32_t *rows, bool count)
{
    if (!tl_slots_row_step(s) || s->all_step == s->t)
        return;
    for (int64_t k = 0; k < n; k += BATCH)
        replay_batch(s, n - k < BATCH ? n - k : BATCH, rows + k, 0, count);
}

static void replay_range(void *context, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row += BATCH)
        replay_batch(context, end - row < BATCH ? end - row : BATCH, NULL, row, false);
}

void tl_slots_replay(tl_slots *s)
{
    if (!tl_slots_row_step(s) || s->all_step == s->t)
        return;
    tl_parallel_for(s->companion.variable->shape.dim[0], BATCH, replay_range, s);
    s->all_step = s->t;
}

/* Of the rows that follow s->replayed_rows. Noted row by row: others are still behind. */
static void replay_piece(void *context, int64_t begin, int64_t end)
{
    tl_slots *s = context;
    for (int64_t at = begin; at < end; at += BATCH) {
        int32_t rows[BATCH];
        const int64_t n = end - at < BATCH ? end - at : BATCH;
        for (int64_t k = 0; k < n; k++)
            rows[k] = (int32_t)(s->replayed_rows + at + k);
        replay_batch(s, n, rows, 0, false);
    }
}

bool tl_slots_replay_some(tl_slots *s, int64_t steps)
{
    const int64_t rows = s->companion.variable->shape.dim[0], behind = s->t - s->all_step;
    if (steps < 2 * rows) /* otherwise rows fall behind as fast */
        steps = 2 * rows;
    if (behind <= steps / rows) {
        tl_slots_replay(s);
        return true;
    }
    if (s->replayed_rows == 0)
        s->replayed_to = s->t;
    const int64_t left = rows - s->replayed_rows, n = steps / behind < left ? 1 + steps / behind : left;
    tl_parallel_for(n, BATCH, replay_piece, s);
    s->replayed_rows += n;
    if (s->replayed_rows < rows)
        return false;
    s->replayed_rows = 0;
    if (s->replayed_to > s->all_step)
        s->all_step = s->replayed_to;
    return false;
}
