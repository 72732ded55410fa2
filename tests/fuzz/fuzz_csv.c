/* CSV, whole and by batches, with each policy for missing fields. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

const char *const tl_fuzz_words[] = { "\n", "\r\n",  "\"",  "\"\"", ",", ";",
                                      "NA", "\",\"", "1e9", "nan",  " ", NULL };

static bool same_number(tl_real a, tl_real b)
{
    return a == b || (a != a && b != b);
}

/* Checks rows first .. first + b->rows - 1 of a against b; ids of the same text may differ between files. */
static void check_equal(const tl_csv *a, int64_t first, const tl_csv *b, bool same_ids)
{
    FUZZ_CHECK(a->n_columns == b->n_columns && first + b->rows <= a->rows);
    for (int32_t k = 0; k < a->n_columns; k++) {
        const tl_csv_column *x = &a->column[k], *y = &b->column[k];
        FUZZ_CHECK(strcmp(x->name, y->name) == 0);
        for (int64_t i = 0; i < b->rows; i++) {
            if (x->kind != y->kind) { /* all missing so far */
                FUZZ_CHECK(y->kind == TL_CSV_NUMBER && x->id[first + i] == -1 &&
                           y->number[i] != y->number[i]);
            } else if (x->kind == TL_CSV_NUMBER) {
                FUZZ_CHECK(same_number(x->number[first + i], y->number[i]));
            } else {
                const int32_t p = x->id[first + i], q = y->id[i];
                FUZZ_CHECK(p >= -1 && p < x->n_ids && q < y->n_ids && (p < 0) == (q < 0) &&
                           (!same_ids || p == q));
                FUZZ_CHECK(p < 0 || strcmp(x->text[p], y->text[q]) == 0);
            }
        }
    }
}

static tl_status read_batches(const char *path, const tl_csv_options *o, const tl_csv *whole)
{
    tl_csv_stream *s = tl_csv_open(path, o);
    tl_csv batch = { 0 };
    int64_t first = 0;
    tl_status status;
    while ((status = tl_csv_next(s, 2, &batch)) == TL_OK && batch.rows > 0) {
        check_equal(whole, first, &batch, true);
        first += batch.rows;
    }
    FUZZ_CHECK(status == TL_ERR_MEMORY || (status == TL_OK && first == whole->rows));
    tl_csv_free(&batch);
    tl_csv_close(s);
    return status;
}

/* What was written is read back, except columns that have neither rows nor names. A missing id in the only
 * column cannot be written. */
static tl_status write_and_read(const char *copy, const tl_csv_options *o, const tl_csv *a)
{
    tl_csv b;
    tl_status status = tl_csv_write(copy, o, a);
    if (status == TL_ERR_ARGUMENT && a->n_columns == 1)
        return TL_OK;
    if (status == TL_OK)
        status = tl_csv_read(copy, o, &b);
    FUZZ_CHECK(status == TL_OK || status == TL_ERR_MEMORY);
    if (status != TL_OK)
        return status;
    FUZZ_CHECK(b.rows == a->rows);
    if (a->rows > 0 || !o->no_header)
        check_equal(a, 0, &b, false);
    tl_csv_free(&b);
    return TL_OK;
}

tl_status tl_fuzz_read(const char *path, const char *copy)
{
    tl_status best = TL_ERR_FORMAT; /* OK if one of the policies reads it */
    for (int k = TL_CSV_MISSING_ERROR; k <= TL_CSV_MISSING_SKIP; k++) {
        const tl_csv_options o = { .missing = (tl_csv_missing)k,
                                   .missing_text = "NA",
                                   .no_header = k == TL_CSV_MISSING_SKIP };
        tl_csv a;
        tl_status status = tl_csv_read(path, &o, &a);
        if (status == TL_OK)
            status = read_batches(path, &o, &a);
        if (status == TL_OK)
            status = write_and_read(copy, &o, &a);
        tl_csv_free(&a);
        if (status == TL_ERR_MEMORY)
            return status;
        best = status == TL_OK ? status : best;
    }
    return best;
}

bool tl_fuzz_seed(int k, const char *path)
{
    static const char *const seeds[] = {
        "user,film,stars\n1,Alien,4.5\n2,\"Brazil, \"\"1985\"\"\",3\n1,,NA\n",
        "a,b\r\n\"x\r\ny\",1\r\n\r\n\"\",-2e-3\r\n",
        "\xef\xbb\xbfone\n1\n2\n3\n4\n5",
        "NA,\"NA\",nan,inf,\" 1 \"\nNA,,1,2,3\n",
    };
    return k < (int)(sizeof seeds / sizeof *seeds) &&
           tl_fuzz_put(path, (const unsigned char *)seeds[k], strlen(seeds[k]));
}
