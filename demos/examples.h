/* Examples of two classes in svmlight files: found in a folder, or drawn and written to temporary ones. */
#ifndef EXAMPLES_H
#define EXAMPLES_H

#include "demo.h"

typedef struct examples {
    char train[MAX_PATH], test[MAX_PATH];
    int64_t n_train, n_test; /* rows */
    int64_t features;        /* as many as the largest id needs: numbered from 0, whatever ids begin with */
    int64_t useful;          /* of those that are drawn, how many tell anything: the first; otherwise 0 */
    FILE *drawn[2];          /* of those that are drawn, which have no name in a folder; otherwise NULL */
} examples;

/* Finds the only *.train.svm and *.test.svm (or .svm.gz) of a folder, or draws examples if it is NULL. Reads
 * them once, batch by batch, which checks them and counts. On failure the reason is in tl_error(), and
 * examples_free must still be called. */
bool examples_get(examples *e, const char *folder);

/* Closes the files that were drawn, which removes them. */
void examples_free(examples *e);

/* Opens a file of examples, so that both files number the features alike. NULL with the reason in
 * tl_error(). */
tl_svmlight_stream *examples_open(const examples *e, const char *path);

#endif
