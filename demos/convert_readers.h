/* A reader and a writer for each format in the table. */
#ifndef CONVERT_READERS_H
#define CONVERT_READERS_H

#include "convert_formats.h"

bool csv_read(const char *path, const settings *s, arrays *out);
bool csv_write(const char *path, const settings *s, arrays *in);
bool idx_read(const char *path, const settings *s, arrays *out);
bool idx_write(const char *path, const settings *s, arrays *in);
bool mtx_read(const char *path, const settings *s, arrays *out);
bool mtx_write(const char *path, const settings *s, arrays *in);
bool npy_read(const char *path, const settings *s, arrays *out);
bool npy_write(const char *path, const settings *s, arrays *in);
bool npz_read(const char *path, const settings *s, arrays *out);
bool npz_write(const char *path, const settings *s, arrays *in);
bool safetensors_read(const char *path, const settings *s, arrays *out);
bool safetensors_write(const char *path, const settings *s, arrays *in);
bool svmlight_read(const char *path, const settings *s, arrays *out);
bool svmlight_write(const char *path, const settings *s, arrays *in);

#endif
