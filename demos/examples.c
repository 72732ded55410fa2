/* Finding, drawing and counting examples. */
#include "examples.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- In a folder ---- */

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Sets path to the only file of the folder whose name ends in `part`, or so and in .gz. */
static bool find_file(const char *folder, const char *part, char path[MAX_PATH])
{
    char zipped[32];
    snprintf(zipped, sizeof zipped, "%s.gz", part);
    DIR *dir = opendir(folder);
    int found = 0;
    bool ok = true;
    if (!dir)
        return tl_fail(TL_ERR_IO, "%s: %s", folder, strerror(errno)) == TL_OK;
    for (const struct dirent *entry; (entry = readdir(dir));)
        if ((ends_in(entry->d_name, part) || ends_in(entry->d_name, zipped)) && found++ == 0)
            ok = path_in(path, folder, entry->d_name);
    closedir(dir);
    if (found != 1)
        tl_fail(TL_ERR_IO, "%s: found %d files *%s, expected 1", folder, found, part);
    return ok && found == 1;
}

/* ---- Drawn ---- */

enum { FIELDS = 4, VALUES = 50, RANK = 2, EXTRA = 800, EXTRAS = 10, TRAIN = 20000, TEST = 5000 };

/* A weight and factors per value of a field. */
typedef struct drawn_model {
    double weight[FIELDS * VALUES], factor[FIELDS * VALUES][RANK];
} drawn_model;

/* Writes a row: a value of each field, EXTRAS of other features, which tell nothing, and as a label whether
 * the sum of weights and of the products of factors of two fields is positive. */
static void draw_row(const drawn_model *m, tl_random *rng, FILE *to)
{
    double score = 0, sum[RANK] = { 0 };
    int64_t id[FIELDS];
    for (int f = 0; f < FIELDS; f++) {
        id[f] = f * VALUES + tl_random_integer(rng, VALUES);
        score += m->weight[id[f]];
        for (int j = 0; j < RANK; j++) { /* the product with all fields before */
            score += 2 * sum[j] * m->factor[id[f]][j];
            sum[j] += m->factor[id[f]][j];
        }
    }
    fprintf(to, "%d", score > 0);
    for (int f = 0; f < FIELDS; f++)
        fprintf(to, " %" PRId64 ":1", id[f]);
    int64_t extra = FIELDS * VALUES - 1;
    for (int k = 0; k < EXTRAS; k++) {
        extra += 1 + tl_random_integer(rng, EXTRA / EXTRAS);
        fprintf(to, " %" PRId64 ":1", extra);
    }
    fprintf(to, "\n");
}

/* Draws a file of n rows into $TMPDIR and removes its name, so that it is gone when the program ends, however
 * it ends. Sets path to another name for it. */
static FILE *draw_file(const drawn_model *m, int64_t n, tl_random *rng, char path[MAX_PATH])
{
    const char *tmp = getenv("TMPDIR");
    char name[MAX_PATH];
    if (!path_in(name, tmp && tmp[0] ? tmp : "/tmp", "tulle-XXXXXX"))
        return NULL;
    const int descriptor = mkstemp(name);
    FILE *to = descriptor >= 0 && unlink(name) == 0 ? fdopen(descriptor, "w+") : NULL;
    for (int64_t k = 0; to && k < n; k++)
        draw_row(m, rng, to);
    snprintf(path, MAX_PATH, "/dev/fd/%d", descriptor);
    if (to && fflush(to) == 0 && !ferror(to))
        return to;
    tl_fail(TL_ERR_IO, "%s: %s", name, strerror(errno));
    if (to)
        fclose(to);
    return NULL;
}

static bool draw_files(examples *e)
{
    static drawn_model m;
    tl_random rng = { .seed = 1 };
    for (int k = 0; k < FIELDS * VALUES; k++) {
        m.weight[k] = 3 * tl_random_normal(&rng);
        for (int j = 0; j < RANK; j++)
            m.factor[k][j] = tl_random_normal(&rng);
    }
    e->useful = FIELDS * VALUES;
    return (e->drawn[0] = draw_file(&m, TRAIN, &rng, e->train)) &&
           (e->drawn[1] = draw_file(&m, TEST, &rng, e->test));
}

/* ---- Counting ---- */

enum { COUNTED = 4096 };

/* Ids are taken from 0 on: if they begin with 1, feature 0 is in no row. */
tl_svmlight_stream *examples_open(const examples *e, const char *path)
{
    for (int k = 0; k < 2; k++)
        if (e->drawn[k]) /* on some systems opening /dev/fd/N again does not rewind the file */
            rewind(e->drawn[k]);
    return tl_svmlight_open(path,
                            &(tl_svmlight_options){ .features = e->features, .base = TL_SVMLIGHT_FROM_0 });
}

static bool check_labels(const tl_svmlight *batch, int64_t before, const char *path)
{
    for (int64_t k = 0; k < batch->rows; k++) {
        const double label = (double)batch->labels[k];
        if (label != 0 && label != 1 && label != -1) {
            tl_fail(TL_ERR_FORMAT, "%s: row %" PRId64 ": the label %g is not 0, 1 or -1", path,
                    before + k + 1, label);
            return false;
        }
    }
    return true;
}

static bool count(const examples *e, const char *path, int64_t *rows, int64_t *features)
{
    tl_svmlight_stream *s = examples_open(e, path);
    tl_svmlight batch = { 0 };
    bool ok;
    while ((ok = tl_svmlight_next(s, COUNTED, &batch) == TL_OK) && batch.rows > 0 &&
           (ok = check_labels(&batch, *rows, path))) {
        const tl_csr p = tl_pattern_csr(batch.pattern);
        for (int64_t k = 0; k < p.row_ptr[batch.rows]; k++)
            *features = p.col[k] >= *features ? p.col[k] + 1 : *features;
        *rows += batch.rows;
    }
    tl_svmlight_free(&batch);
    tl_svmlight_close(s);
    if (ok && *rows == 0)
        tl_fail(TL_ERR_FORMAT, "%s: there are no rows", path);
    return ok && *rows > 0;
}

bool examples_get(examples *e, const char *folder)
{
    int64_t features = 1;
    *e = (examples){ .features = INT32_MAX };
    const bool ok = (folder ? find_file(folder, ".train.svm", e->train) &&
                                  find_file(folder, ".test.svm", e->test)
                            : draw_files(e)) &&
                    count(e, e->train, &e->n_train, &features) && count(e, e->test, &e->n_test, &features);
    e->features = features;
    return ok;
}

void examples_free(examples *e)
{
    for (int k = 0; k < 2; k++)
        if (e->drawn[k])
            fclose(e->drawn[k]);
}
