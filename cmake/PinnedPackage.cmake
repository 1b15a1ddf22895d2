# Packages that are fetched through pip. Each counts only with its hash.

# Sets `result` to TRUE when `file` has the SHA-256 `hash`.
function(quipu_has_hash file hash result)
  set(${result} FALSE PARENT_SCOPE)
  if(EXISTS ${file})
    file(SHA256 ${file} found)
    if(found STREQUAL hash)
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endif()
endfunction()

# quipu_pinned_package(RESULT NAME VERSION FILE HASH ADVICE PIP_OPTION...): sets RESULT to the path of FILE, which pip
# downloads for this version with these options. It is kept in the download cache of the user. ADVICE: what to do where it
# cannot be fetched.
function(quipu_pinned_package result name version file hash advice)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(cache $ENV{XDG_CACHE_HOME}/quipu/downloads)
  elseif(DEFINED ENV{HOME})
    set(cache $ENV{HOME}/.cache/quipu/downloads)
  else()
    set(cache ${CMAKE_BINARY_DIR}/_deps)
  endif()
  set(${result} ${cache}/${file} PARENT_SCOPE)
  quipu_has_hash(${cache}/${file} ${hash} ok)
  if(ok)
    return()
  endif()
  find_program(QUIPU_PYTHON NAMES python3 REQUIRED)
  string(RANDOM LENGTH 8 suffix)
  set(scratch ${CMAKE_BINARY_DIR}/_deps/pip-${suffix})
  file(MAKE_DIRECTORY ${scratch})
  message(STATUS "Fetching ${name} ${version} (through pip)")
  # Preparing the metadata of sources needs setuptools: pip fetches it by itself, or takes the installed one in the second
  # try.
  foreach(isolation "" --no-build-isolation)
    execute_process(
      COMMAND ${QUIPU_PYTHON} -m pip download --quiet --disable-pip-version-check --no-deps ${ARGN} ${isolation}
              --dest ${scratch} ${name}==${version}
      RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(status EQUAL 0)
      break()
    endif()
  endforeach()
  quipu_has_hash(${scratch}/${file} ${hash} ok)
  if(ok)
    # Copied under another name first: several build folders may fetch at the same time.
    file(MAKE_DIRECTORY ${cache})
    file(COPY_FILE ${scratch}/${file} ${cache}/${file}.${suffix})
    file(RENAME ${cache}/${file}.${suffix} ${cache}/${file})
  endif()
  file(REMOVE_RECURSE ${scratch})
  if(NOT ok)
    message(FATAL_ERROR "${name} ${version} could not be fetched through pip, or what came has another SHA-256 than "
      "${hash}. Install python3-pip and python3-setuptools and try again, or ${advice}.\n${output}")
  endif()
endfunction()
