/* svmlight files, whole and by batches. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

const char *const tl_fuzz_words[] = { "\n", "\r\n", " 1:2", " 0:1", "qid:3 ", "# comment",
                                      "#",  " ",    ":",    "-1 ",  NULL };

static void check_equal(const tl_svmlight *a, const tl_svmlight *b)
{
    FUZZ_CHECK(a->rows == b->rows && a->features == b->features && !a->qid == !b->qid);
    FUZZ_CHECK(tl_pattern_equal(a->pattern, b->pattern));
    for (int64_t k = 0; k < tl_pattern_nnz(a->pattern); k++)
        FUZZ_CHECK(a->values[k] == b->values[k] || a->values[k] != a->values[k]);
    for (int64_t i = 0; i < a->rows; i++) {
        FUZZ_CHECK(a->labels[i] == b->labels[i] || a->labels[i] != a->labels[i]);
        FUZZ_CHECK(!a->qid || a->qid[i] == b->qid[i]);
    }
}

/* Batches have the rows of the whole file, unless what they take from the first is contradicted later. */
static void read_batches(const char *path, int64_t rows)
{
    tl_svmlight_stream *s = tl_svmlight_open(path, NULL);
    tl_svmlight batch = { 0 };
    tl_status status = s ? TL_OK : TL_ERR_MEMORY;
    while (status == TL_OK && (status = tl_svmlight_next(s, 2, &batch)) == TL_OK && batch.rows > 0)
        rows -= batch.rows;
    FUZZ_CHECK(status != TL_OK || rows == 0);
    tl_svmlight_free(&batch);
    tl_svmlight_close(s);
}

tl_status tl_fuzz_read(const char *path, const char *copy)
{
    tl_svmlight a, b;
    const tl_status status = tl_svmlight_read(path, NULL, &a);
    if (status != TL_OK)
        return status;
    read_batches(path, a.rows);
    const tl_svmlight_options options = {
        .features = a.features,
        .base = a.base == 0 ? TL_SVMLIGHT_FROM_0 : TL_SVMLIGHT_FROM_1,
    };
    tl_status again = tl_svmlight_write(copy, &a);
    if (again == TL_OK)
        again = tl_svmlight_read(copy, &options, &b);
    if (again == TL_OK) {
        check_equal(&a, &b);
        tl_svmlight_free(&b);
    }
    FUZZ_CHECK(again == TL_OK || again == TL_ERR_MEMORY);
    tl_svmlight_free(&a);
    return TL_OK;
}

bool tl_fuzz_seed(int k, const char *path)
{
    static const char *const texts[] = {
        "1 1:0.5 3:-2 7:1e-3\n-1 2:1\n1\n# comment\n\n-1 7:3 1:2 # comment\n",
        "0.5 qid:1 0:1 2:2\r\n1.5 qid:1 1:1\r\n2 qid:2 0:4",
        "  3 4:1\n",
    };
    return tl_fuzz_put_text(path, k, texts, sizeof texts / sizeof *texts);
}
