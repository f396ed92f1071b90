@echo off
rem {name} {version}: makes its own environment in %USERPROFILE%\{name} the first time, then starts the program.
rem Double click: the local application in the browser. With words after it: the command, as in  {name}.cmd run project.toml
rem A wheel beside this file is installed from there; without one the package index is asked.
setlocal
set "HOME_DIR=%USERPROFILE%\{name}"
set "PROGRAM=%HOME_DIR%\Scripts\{name}.exe"
set "DONE=%HOME_DIR%\{version}.ready"
set "SOURCE={name}=={version}"
set "WHEEL=%~dp0{name}-{version}-py3-none-any.whl"
if exist "%WHEEL%" set "SOURCE=%WHEEL%"
if exist "%DONE%" if exist "%PROGRAM%" goto start

rem The first that is new enough, and of 64 bit: what it needs comes for no other. Python's entry in the app store fails here, too.
set "PYTHON="
call :try py -3
call :try python
if not defined PYTHON goto nopython

echo Making "%HOME_DIR%" ... one to three minutes the first time.
echo 正在建立环境，首次需要一至三分钟。
if exist "%HOME_DIR%\*.ready" del "%HOME_DIR%\*.ready"
%PYTHON% -m venv "%HOME_DIR%"
if not "%ERRORLEVEL%"=="0" goto failed
"%HOME_DIR%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check "%SOURCE%"
if not "%ERRORLEVEL%"=="0" goto failed
type nul > "%DONE%"

:start
if not "%~1"=="" goto command
"%PROGRAM%" serve
set "CODE=%ERRORLEVEL%"
rem What went wrong stays to be read.
if not "%CODE%"=="0" pause
exit /b %CODE%

:try
if defined PYTHON goto :eof
%* -c "import sys; sys.exit(sys.maxsize < 2**32 or sys.version_info < tuple(map(int, '{python}'.split('.'))))" >nul 2>nul
if "%ERRORLEVEL%"=="0" set "PYTHON=%*"
goto :eof

:command
"%PROGRAM%" %*
exit /b %ERRORLEVEL%

:nopython
echo {name} needs Python {python} or later (64 bit). Install it for your user, then start this file again.
echo 需要 Python {python} 或更新版本（64 位）。请先安装（仅当前用户即可），再运行本文件。
if "%~1"=="" pause
exit /b 1

:failed
echo The environment could not be made (see above). Behind a proxy set HTTPS_PROXY; for a mirror set PIP_INDEX_URL.
echo 环境没有建成（见上）。有代理请设置 HTTPS_PROXY，用镜像请设置 PIP_INDEX_URL，然后重新运行。
if "%~1"=="" pause
exit /b 1
